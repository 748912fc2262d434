import { dirname, join } from 'node:path';
import { type Environment, type LoadedConfig, makePrivate, readStateFile, slugOf, writeDurably } from '@drydock/kit';
import { z } from 'zod';
import type { ReleaseConfig } from '../config.ts';
import type { Deployment, Slot } from '../driver/types.ts';

const placedSchema = z.object({
  slot: z.enum(['blue', 'green']),
  version: z.string().regex(/^\w+$/),
  commit: z.string(),
  digest: z.string(),
  ports: z.array(z.int().min(1).max(65_535)).min(1),
  files: z.string().regex(/^[\w-]+$/),
  placedAt: z.string(),
  beside: z.int().min(1).max(65_535).optional(),
  restarting: z.boolean().optional(),
});

/** A version in a slot, and what it is made of here. */
export type Placed = Deployment & {
  /** Of each instance, in order. */
  ports: number[];
  /** Name of the folder with its files. */
  files: string;
  placedAt: string;
  /** Port of one more instance, which stands in for each that is started again. */
  beside?: number | undefined;
  /** It gets no traffic, ran, and is being started again. */
  restarting?: boolean | undefined;
};

/** What a host knows of one environment of a product: every checkout on it sees the same. */
export class HostFolder {
  /** Services of all products and environments of the host: `services/shop-staging-blue-1`. */
  readonly services: string;
  /** Programs that outlive the checkout that released with them. */
  readonly programs: string;
  readonly #own: string;
  readonly #name: string;

  constructor(host: string, product: string, env: string) {
    this.#name = `${product}-${env}`;
    this.services = join(host, 'services');
    this.programs = join(host, 'node');
    this.#own = join(host, this.#name);
  }

  placed(slot: Slot): Placed | undefined {
    return readStateFile(this.#recordOf(slot), placedSchema);
  }

  put(placed: Placed): void {
    makePrivate(dirname(this.services));
    makePrivate(this.#own);
    writeDurably(this.#recordOf(placed.slot), `${JSON.stringify(placed, null, 2)}\n`);
  }

  /** Where the files of versions in a slot lie, each in a folder of its own. */
  filesOf(slot: Slot, name = ''): string {
    return join(this.#own, slot, name);
  }

  /** Where a version's files lie for one command. */
  get once(): string {
    return join(this.#own, 'once');
  }

  /** The environments that versions were started with. */
  get environments(): string {
    return join(this.#own, 'environments');
  }

  logsOf(instance: string): string {
    return join(this.#own, 'log', instance);
  }

  /** `blue-1` → `shop-staging-blue-1` */
  serviceOf(instance: string): string {
    return `${this.#name}-${instance}`;
  }

  #recordOf(slot: Slot): string {
    return join(this.#own, `${slot}.json`);
  }
}

/** The folder of the host that a variable names, or the one beside the proxy's state file. */
export function hostFolder(config: LoadedConfig, release: ReleaseConfig, environment: Environment): HostFolder {
  const named = environment.get(release.local.folder);
  const folder = named ?? join(dirname(environment.require(release.proxy.stateFile)), 'drydock');
  return new HostFolder(config.path(folder), slugOf(config.product), environment.name);
}
