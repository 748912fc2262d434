import type { Client } from 'pg';
import type { LoadedConfig } from './config/load.ts';
import { operatorUrl } from './env/operator-url.ts';
import type { Environment } from './env/types.ts';
import type { Hint } from './hint.ts';
import { withPostgres } from './postgres.ts';
import { ensureOwnTable } from './sql/own-table.ts';

/**
 * What a run left for people or other tasks to put right: after a restore the chain is ahead of the database, a cache is of the
 * one before. It lies in the environment's database, whoever asks, until it is settled; features learn of it here and not from each other.
 */
export type Matter = {
  /** One word: `chain`, `caches`. */
  key: string;
  /** One sentence. */
  says: string;
  next: Hint;
  /** With this in the database it settles itself. */
  until?: { kind: 'migration' | 'slot' | 'subscription'; name: string };
};

export interface OpenMatter extends Matter {
  run: string;
  since: Date;
}

/** Doing it twice is harmless. */
export async function raiseMatters(client: Client, run: string, matters: Matter[]): Promise<void> {
  if (matters.length === 0) return;
  await ensureOwnTable(
    client,
    'matter',
    `key text NOT NULL, run text NOT NULL, says text NOT NULL, next jsonb NOT NULL, until jsonb,
     since timestamptz NOT NULL DEFAULT now(), settled_at timestamptz, settled_by text, PRIMARY KEY (key, run)`,
  );
  for (const { key, says, next, until } of matters)
    await client.query(
      `INSERT INTO drydock.matter (key, run, says, next, until) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [key, run, says, JSON.stringify(next), until ? JSON.stringify(until) : null],
    );
}

/** Oldest first; those that have settled themselves are none. */
export async function readMatters(client: Client): Promise<OpenMatter[]> {
  const { rows: there } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('drydock.matter') IS NOT NULL AS there`,
  );
  if (!there[0]?.there) return [];
  const { rows } = await client.query<Omit<OpenMatter, 'until'> & { until: Matter['until'] | null }>(
    'SELECT key, run, says, next, until, since FROM drydock.matter WHERE settled_at IS NULL ORDER BY since, key',
  );
  const open: OpenMatter[] = [];
  for (const { until, ...matter } of rows)
    if (!until || !(await isThere(client, until))) open.push({ ...matter, ...(until ? { until } : {}) });
  return open;
}

const THERE = {
  migration: `SELECT FROM _prisma_migrations WHERE migration_name >= $1 AND finished_at IS NOT NULL AND rolled_back_at IS NULL`,
  slot: 'SELECT FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()',
  subscription:
    'SELECT FROM pg_subscription WHERE subname = $1 AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())',
};

async function isThere(client: Client, { kind, name }: NonNullable<Matter['until']>): Promise<boolean> {
  if (kind === 'migration') {
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS there`,
    );
    if (!rows[0]?.there) return false;
  }
  return (await client.query(THERE[kind], [name])).rowCount !== 0;
}

/** Returns which of them were open. */
export async function settleMatters(client: Client, keys: string[], by: string): Promise<string[]> {
  const open = new Set((await readMatters(client)).map(({ key }) => key));
  const settled = keys.filter((key) => open.has(key));
  if (settled.length > 0)
    await client.query(
      'UPDATE drydock.matter SET settled_at = now(), settled_by = $2 WHERE key = ANY ($1) AND settled_at IS NULL',
      [settled, by],
    );
  return settled;
}

/** With a session of its own. */
export async function mattersOf(config: LoadedConfig, environment: Environment): Promise<OpenMatter[]> {
  return withPostgres(operatorUrl(config, environment), 'drydock matters', readMatters);
}
