import { pathToFileURL } from 'node:url';
import { OpsError, usageError } from '@drydock/kit';
import type { Client } from 'pg';

/** How many rows a part of a seed made; what was there already is not counted. */
export type Seeded = { created: number };

/** What an admin is in a product. */
export interface AdminKind {
  /** In a sentence: `e-mail address`, `handle`. */
  name: string;
  /** Of one, for the help of an error: `ada@shop.example`. */
  example: string;
  /** Such an one as it is written down, or undefined where it is none. Left out, any text is one. */
  check?(text: string): string | undefined | Promise<string | undefined>;
}

/**
 * What a product's seed module exports by default. Each function runs in one transaction and must be idempotent:
 * called again it creates nothing.
 */
export interface SeedModule {
  /** What an admin is. Left out: a wallet where the config has a chain, otherwise any text. */
  admin?: 'wallet' | 'email' | AdminKind;
  /** Each is checked, and as it is written down: a wallet by EIP-55, an e-mail address in lower case. */
  admins(client: Pick<Client, 'query'>, admins: string[]): Promise<Seeded>;
  /** Demo data for people to click on; never called in production. */
  demo?(client: Pick<Client, 'query'>): Promise<Seeded>;
}

export async function loadSeedModule(file: string): Promise<SeedModule> {
  let loaded: { default?: Partial<SeedModule> };
  try {
    loaded = (await import(pathToFileURL(file).href)) as typeof loaded;
  } catch (cause) {
    throw usageError(
      'SEED_MODULE_BROKEN',
      `The seed module ${file} cannot be loaded: ${(cause as Error).message.split('\n')[0]}`,
      'Set database.seed.module in drydock.config.ts.',
    );
  }
  const admin: unknown = loaded.default?.admin;
  if (typeof admin === 'string' && !['wallet', 'email'].includes(admin))
    throw usageError(
      'SEED_MODULE_BROKEN',
      `"admin" of the seed module ${file} is "${admin}": there are 'wallet' and 'email', or { name, example, check }.`,
    );
  if (typeof loaded.default?.admins === 'function') return loaded.default as SeedModule;
  throw new OpsError({
    code: 'SEED_MODULE_BROKEN',
    message: `The seed module ${file} has no default export with a function "admins".`,
    hint: 'See SeedModule in packages/db/src/seed/module.ts.',
    exit: 2,
  });
}

/** Runs a function of the module, and holds it to its word: what it threw, and that it returned nothing, is told in its product's terms. */
export async function seededBy(what: 'admins' | 'demo', work: () => Promise<unknown>): Promise<Seeded> {
  let returned: unknown;
  try {
    returned = await work();
  } catch (cause) {
    const { message, detail } = cause as { message?: string; detail?: string };
    throw new OpsError({
      code: 'SEED_FAILED',
      message: `"${what}" of the seed module failed, and nothing of it was kept: ${message ?? String(cause)}${detail ? ` (${detail})` : ''}`,
      hint: 'Mend the module of database.seed, and run it again.',
      cause,
    });
  }
  const created: unknown = (returned as { created?: unknown } | undefined)?.created;
  if (typeof created === 'number' && Number.isInteger(created) && created >= 0) return { created };
  throw new OpsError({
    code: 'SEED_FAILED',
    message: `"${what}" of the seed module returned ${returned === undefined ? 'nothing' : JSON.stringify(returned)}, and nothing of it was kept: it has to say how many rows it made.`,
    hint: 'End it with: return { created: 1 }',
  });
}
