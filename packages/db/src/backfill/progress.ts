import { ensureOwnTable } from '@drydock/kit';
import type { Client } from 'pg';

/** How far a backfill has come, as the database has it: written in the transaction of each batch. */
export type Progress = {
  name: string;
  checksum: string;
  /** Of the last row that was looked at, as text; null at the beginning. */
  last: string[] | null;
  /** The newest row when it began: what comes behind it is not its concern. Null where there was none. */
  bound: string[] | null;
  rows: number;
  batches: number;
  startedAt: Date;
  finishedAt: Date | null;
};

const TABLE = `name text PRIMARY KEY, checksum text NOT NULL, last text[], bound text[], rows bigint NOT NULL DEFAULT 0,
  batches bigint NOT NULL DEFAULT 0, "startedAt" timestamptz NOT NULL DEFAULT clock_timestamp(), "at" timestamptz, "finishedAt" timestamptz`;
const COLUMNS = `name, checksum, last, bound, rows::float8 AS rows, batches::float8 AS batches, "startedAt", "finishedAt"`;

/** Reads only. */
export async function readProgress(client: Client, name: string): Promise<Progress | undefined> {
  const { rows: found } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('drydock.backfill') IS NOT NULL AS there`,
  );
  if (!found[0]?.there) return undefined;
  const { rows } = await client.query<Progress>(`SELECT ${COLUMNS} FROM drydock.backfill WHERE name = $1`, [name]);
  return rows[0];
}

/** Begins anew, whatever there was by that name. */
export async function startProgress(
  client: Client,
  { name, checksum, bound }: Pick<Progress, 'name' | 'checksum' | 'bound'>,
): Promise<void> {
  await ensureOwnTable(client, 'backfill', TABLE);
  await client.query(
    `INSERT INTO drydock.backfill (name, checksum, bound) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET checksum = $2, bound = $3, last = NULL, rows = 0, batches = 0,
            "startedAt" = clock_timestamp(), "at" = NULL, "finishedAt" = NULL`,
    [name, checksum, bound],
  );
}

/** In the transaction of a batch: nobody else goes on with it meanwhile. */
export async function holdProgress(client: Client, name: string): Promise<Progress> {
  const { rows } = await client.query<Progress>(`SELECT ${COLUMNS} FROM drydock.backfill WHERE name = $1 FOR UPDATE`, [
    name,
  ]);
  const [progress] = rows;
  if (!progress) throw new Error(`The progress of ${name} is gone from drydock.backfill.`);
  return progress;
}

export async function advance(
  client: Client,
  name: string,
  { last, rows, finished }: { last: string[] | null; rows: number; finished: boolean },
): Promise<void> {
  await client.query(
    `UPDATE drydock.backfill SET last = $2, rows = rows + $3, batches = batches + 1, "at" = clock_timestamp(),
            "finishedAt" = CASE WHEN $4 THEN clock_timestamp() END WHERE name = $1`,
    [name, last, rows, finished],
  );
}

export async function finishProgress(client: Client, name: string): Promise<void> {
  await client.query(`UPDATE drydock.backfill SET "finishedAt" = clock_timestamp() WHERE name = $1`, [name]);
}
