import { ensureOwnTable } from '@drydock/kit';
import type { Client } from 'pg';

/** At most one of a secret is open, whoever writes. */
const ROTATION = `
  id text PRIMARY KEY, seq bigint GENERATED ALWAYS AS IDENTITY, env text NOT NULL, name text NOT NULL, kind text NOT NULL, generation int NOT NULL,
  phase text NOT NULL CHECK (phase IN ('add', 'stage', 'validate', 'promote', 'settle', 'retire', 'document')),
  outcome text NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'done', 'reverted')),
  emergency boolean NOT NULL, reverting boolean NOT NULL DEFAULT false, actor text NOT NULL, host text NOT NULL, reason text,
  "startedAt" timestamptz NOT NULL DEFAULT clock_timestamp(), "promotedAt" timestamptz, "settlesAt" timestamptz, "retiredAt" timestamptz,
  "endedAt" timestamptz, proof json,
  EXCLUDE USING btree (env WITH =, name WITH =) WHERE (outcome = 'open')`;

const GENERATION = `
  env text NOT NULL, name text NOT NULL, generation int NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'current', 'previous', 'retired', 'withdrawn')),
  fingerprints json NOT NULL, sealed text,
  "madeAt" timestamptz, "currentAt" timestamptz, "endedAt" timestamptz,
  PRIMARY KEY (env, name, generation)`;

/** What a rotation has put into files on its way (a ring of old and new): whoever holds that later is behind. */
const WRITTEN = `
  env text NOT NULL, name text NOT NULL, generation int NOT NULL, fingerprints text NOT NULL,
  PRIMARY KEY (env, name, generation, fingerprints)`;

const TABLES = { secret_rotation: ROTATION, secret_generation: GENERATION };
export const WRITTEN_TABLE = 'secret_written';

export async function ensureTables(client: Client): Promise<void> {
  for (const [name, columns] of Object.entries(TABLES)) await ensureOwnTable(client, name, columns);
  await ensureOwnTable(client, WRITTEN_TABLE, WRITTEN);
}

/** Before the first rotation there are none: nothing is known then, and nobody who only reads makes them. */
export async function hasTables(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT NULL AS there',
    Object.keys(TABLES).map((name) => `drydock.${name}`),
  );
  return rows[0]?.there === true;
}
