import { pathToFileURL } from 'node:url';
import { OpsError, usageError } from '@drydock/kit';
import type { Client } from 'pg';

/** How many rows a part of a seed made; what was there already is not counted. */
export type Seeded = { created: number };

/**
 * What a product's seed module exports by default. Each function runs in one transaction and must be idempotent:
 * called again it creates nothing.
 */
export interface SeedModule {
  /** Wallets are checked and EIP-55 checksummed. */
  admins(client: Pick<Client, 'query'>, wallets: string[]): Promise<Seeded>;
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
  if (typeof loaded.default?.admins === 'function') return loaded.default as SeedModule;
  throw new OpsError({
    code: 'SEED_MODULE_BROKEN',
    message: `The seed module ${file} has no default export with a function "admins".`,
    hint: 'See SeedModule in packages/db/src/seed/module.ts.',
    exit: 2,
  });
}
