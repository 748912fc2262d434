import { OpsError } from '@drydock/kit';
import type { Fingerprints } from './values.ts';

/** One process of the product, or a container of it. */
export interface InstanceUse {
  /** `blue-1`; as the driver names it. */
  instance: string;
  host: string;
  /** What it was started with. Undefined where that cannot be seen. */
  uses: Fingerprints | undefined;
}

export interface Rolling {
  signal: AbortSignal;
  onLine(line: string): void;
  /** Called when an instance is healthy again, before the next one is touched. Throws to stop there; those that are left keep what they have. */
  each(instance: { name: string; address: string }): Promise<void>;
}

/** What runs in an environment, as a rotation sees it. Whoever composes tasks gives it: the feature knows no driver. */
export interface Product {
  /** Nobody but a person starts it again: a rotation ends nothing before it is told to go on. */
  readonly byHand?: true;
  /** How the rotation calls it: `2 instances of 3f2a… in slot blue`; undefined where nothing runs that we have started. */
  describe(): Promise<string | undefined>;
  /** Every instance is started again with the environment as its files say now: one after the other, no request failed. */
  redeploy(rolling: Rolling): Promise<void>;
  /** What each instance was started with. */
  uses(variables: readonly string[]): Promise<InstanceUse[]>;
  /** Of each instance: `http://10.0.0.3:3001`. */
  addresses(): Promise<string[]>;
}

/** Where nothing runs that we have started. */
export const noProduct: Product = {
  byHand: true,
  describe: async () => undefined,
  redeploy: async () => {
    throw new OpsError({
      code: 'PRODUCT_NOT_OURS',
      message:
        'Nothing runs here that Drydock has started: the product is to be started again by hand, one instance after the other.',
      hint: 'Where that is done by a command, name it in secrets.redeploy.command.',
    });
  },
  uses: async () => [],
  addresses: async () => [],
};
