import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { LoadedConfig } from '../config/load.ts';
import { isPlainName } from './folder.ts';

/** Whose a part of the state is: two configs in one folder are two products, or two databases of one, and share a `.drydock/`. */
export interface Owner {
  product: string;
  /** The config's file, by its name in the folder. */
  config: string;
}

/** What says whose something is. What was written before nobody said: it is anybody's who asks. */
export type Said = Partial<Owner> | undefined;

export type Whose = Pick<LoadedConfig, 'root' | 'file' | 'product'>;

export function ownerOf({ product, file }: Pick<Whose, 'file' | 'product'>): Owner {
  return { product, config: basename(file) };
}

/** What is of a config that is no longer there (renamed, or another branch's) is ours as well: nobody else would look after it. */
export function isOwn(config: Pick<Whose, 'root' | 'file'>, said: Said): boolean {
  return anotherConfig(config, said) === undefined;
}

/** The file of the other config in our folder that it is of. */
export function anotherConfig({ root, file }: Pick<Whose, 'root' | 'file'>, said: Said): string | undefined {
  const name = said?.config;
  if (name === undefined || name === basename(file) || !isPlainName(name)) return undefined;
  const other = join(root, name);
  return existsSync(other) ? other : undefined;
}

/** The names that a task finds by itself. */
const FOUND = /^drydock\.config\.m?[jt]s$/;

/** What a file of the state about an environment is called: that of a config with a name of its own has it, for another may lie beside it. */
export function ownName({ file }: Pick<Whose, 'file'>, env: string): string {
  const name = basename(file);
  return FOUND.test(name) ? env : `${env}@${name}`;
}

/** Is what lies under the environment's name alone, from before such files had a config's name, ours? */
export function ownsPlain({ root, file }: Pick<Whose, 'root' | 'file'>): boolean {
  return FOUND.test(basename(file)) || !readdirSync(root).some((name) => FOUND.test(name));
}
