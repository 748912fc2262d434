import type { Values } from '../values.ts';

/** A place that holds an environment's secrets. */
export interface SecretStore {
  /** As the config and plans call it: `.env.staging`, `vault`. */
  readonly label: string;
  /** Before anything is made: throws where it could not be written (a link, another's file, a folder that takes nothing, no login). */
  refuse(variables: readonly string[]): Promise<void>;
  /** What it holds; null: not there. Throws UNKNOWN where it does not answer. */
  read(variables: readonly string[]): Promise<Values>;
  /** All of them or none, durable when it returns; null takes one out. What was there before is kept, encrypted. Twice is once. */
  write(values: Values): Promise<void>;
}
