import { ensureOwnTable } from '@drydock/kit';
import type { Client } from 'pg';

/** At most one is live, and a run has at most one that did not go back, whoever writes. */
const RELEASE = `
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run text NOT NULL, env text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('release', 'rollback', 'hotfix')),
  version text NOT NULL, digest text NOT NULL, commit text NOT NULL, subject text NOT NULL, tag text,
  actor text NOT NULL, host text NOT NULL,
  "liveSince" timestamptz NOT NULL DEFAULT clock_timestamp(), "liveUntil" timestamptz,
  outcome text NOT NULL DEFAULT 'live' CHECK (outcome IN ('live', 'replaced', 'went back')),
  migrations json NOT NULL, backup text, "bakeUntil" timestamptz, reason text,
  EXCLUDE USING btree (env WITH =) WHERE (outcome = 'live'),
  EXCLUDE USING btree (env WITH =, run WITH =) WHERE (outcome <> 'went back')`;

const EVIDENCE = `
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, env text NOT NULL, commit text NOT NULL, item text NOT NULL, ok boolean NOT NULL,
  says text NOT NULL, link text, by text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), until timestamptz, run text`;

const DECISION = `
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run text NOT NULL, step text NOT NULL,
  decision text NOT NULL CHECK (decision IN ('continue', 'abort')), by text NOT NULL, reason text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()`;

const TABLES = { release: RELEASE, release_evidence: EVIDENCE, release_decision: DECISION };
type Table = keyof typeof TABLES;

export function ensureTable(client: Client, table: Table): Promise<void> {
  return ensureOwnTable(client, table, TABLES[table]);
}

/** Before the first release there is none: nothing is known then, and nobody who only reads makes one. */
export async function hasTable(client: Client, table: Table): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    `drydock.${table}`,
  ]);
  return rows[0]?.there === true;
}
