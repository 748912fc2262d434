import { randomUUID } from 'node:crypto';
import { quoteIdentifier } from '@drydock/kit';
import type { Client } from 'pg';
import { rollbackSql } from './history.ts';

/**
 * Where it stands how much of a script is in effect: Prisma's own table, by its full name, since a script may look
 * through other schemas by then. Each is called in a transaction, as the role that the session began with.
 */
export interface Ledger {
  /** How many statements of an attempt of the same content, which did not end, are in effect. Undefined: there was none. */
  begun(client: Client): Promise<number | undefined>;
  /** As SQL: it goes with what begins the transaction, where each message counts. */
  start(client: Client): string;
  /** That many statements are in effect. */
  steps(client: Client, count: number): Promise<void>;
  /** As SQL: it goes with what ends the transaction. */
  finish(client: Client): string;
  /** As Prisma keeps it: nobody goes on with it until it is resolved. */
  fail(client: Client, logs: string): Promise<void>;
  /** It failed, and nothing of it is in effect: as Prisma keeps one that was resolved as rolled back. */
  attempted(client: Client, logs: string): Promise<void>;
  /** What the database says now. `finished`: all of it. */
  ask(client: Client): Promise<{ steps: number; finished: boolean } | undefined>;
}

export interface Named {
  name: string;
  checksum: string;
}

const tableIn = (schema: string) => `${quoteIdentifier(schema)}._prisma_migrations`;

/** A migration: begun, with the number of its steps, and finished. */
export function migrationLedger(schema: string, { name, checksum }: Named): Ledger {
  const table = tableIn(schema);
  let id: string = randomUUID();
  return {
    async begun(client) {
      const { rows } = await client.query<{ id: string; steps: number }>(
        `SELECT id, applied_steps_count AS steps FROM ${table}
          WHERE migration_name = $1 AND checksum = $2 AND finished_at IS NULL AND rolled_back_at IS NULL AND logs IS NULL`,
        [name, checksum],
      );
      if (rows[0]) id = rows[0].id;
      return rows[0]?.steps;
    },
    start(client) {
      id = randomUUID();
      const values = [id, checksum, name].map((value) => client.escapeLiteral(value));
      return `INSERT INTO ${table} (id, checksum, migration_name) VALUES (${values})`;
    },
    async steps(client, count) {
      await client.query(`UPDATE ${table} SET applied_steps_count = $2 WHERE id = $1`, [id, count]);
    },
    finish: (client) =>
      `UPDATE ${table} SET finished_at = clock_timestamp(), applied_steps_count = 1, logs = NULL WHERE id = ${client.escapeLiteral(id)}`,
    async fail(client, logs) {
      await client.query(`UPDATE ${table} SET logs = $2 WHERE id = $1`, [id, logs]);
    },
    async attempted(client, logs) {
      await client.query(
        `INSERT INTO ${table} (id, checksum, migration_name, logs, rolled_back_at) VALUES ($1, $2, $3, $4, clock_timestamp())`,
        [randomUUID(), checksum, name, logs],
      );
    },
    async ask(client) {
      const { rows } = await client.query<{ steps: number; finished: boolean }>(
        `SELECT applied_steps_count AS steps, finished_at IS NOT NULL AS finished FROM ${table} WHERE id = $1`,
        [id],
      );
      return rows[0];
    },
  };
}

const DOWN = 'drydock down.sql';

/** A down.sql: while it runs in pieces, their number stands in the logs of its migration, which Prisma leaves alone there. */
export function downLedger(schema: string, { name, checksum }: Named): Ledger {
  const table = tableIn(schema);
  const CURRENT = 'migration_name = $1 AND finished_at IS NOT NULL AND rolled_back_at IS NULL';
  const keep = (client: Client, logs: string | null) =>
    `UPDATE ${table} SET logs = ${logs === null ? 'NULL' : client.escapeLiteral(logs)} WHERE ${CURRENT.replace('$1', client.escapeLiteral(name))}`;
  const mark = `${DOWN} ${checksum.slice(0, 16)} steps in effect: `;
  const begun = async (client: Client) => {
    const { rows } = await client.query<{ logs: string | null }>(`SELECT logs FROM ${table} WHERE ${CURRENT}`, [name]);
    const logs = rows[0]?.logs;
    return logs?.startsWith(mark) ? Number(logs.slice(mark.length)) : undefined;
  };
  return {
    begun,
    start: (client) => keep(client, `${mark}0`),
    steps: async (client, count) => void (await client.query(keep(client, `${mark}${count}`))),
    finish: (client) => `${keep(client, null)}; ${rollbackSql(client, name, table)}`,
    // What is in effect stays known: a mended down.sql has another checksum, and begins anew.
    fail: async () => {},
    // Applied it was, and is: its row says so.
    attempted: async () => {},
    async ask(client) {
      const { rows } = await client.query(`SELECT FROM ${table} WHERE ${CURRENT}`, [name]);
      return { steps: (await begun(client)) ?? 0, finished: rows.length === 0 };
    },
  };
}
