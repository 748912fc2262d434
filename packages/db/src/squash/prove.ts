import { OpsError } from '@drydock/kit';
import { compareInventories, type Inventory, outermost, readInventory } from '@drydock/kit/inventory';
import type { Client } from 'pg';
import { withMigrations } from '../migrations/apply.ts';
import type { Script } from '../migrations/run.ts';
import { applyFenced } from '../rehearsal/fence.ts';
import { withScratch } from '../rehearsal/scratch.ts';
import { readTables } from '../seen/tables.ts';
import type { Target } from '../target.ts';

interface Made {
  inventory: Inventory;
  /** Rows of each table, and where each sequence stands. */
  rows: Map<string, string>;
}

/** Both are applied to an empty scratch database, and must make the same: every object, whose it is, and as many rows. */
export async function proveSame(
  target: Target,
  old: Script[],
  squash: Script,
): Promise<{ objects: number; rows: number }> {
  const was = await makeOf(target, old).catch((thrown) => {
    throw unproven(thrown, 'They do not apply to an empty database, so that there is nothing to compare with');
  });
  const is = await makeOf(target, [squash]).catch((thrown) => {
    throw unproven(thrown, 'One behind the other they do not apply');
  });
  const { lost, added, changed } = outermost(compareInventories(was.inventory, is.inventory, { names: true }));
  const differs = [
    ...lost.map((key) => `lacks ${key}`),
    ...added.map((key) => `has ${key} besides`),
    ...changed.map((key) => `has another ${key}`),
    ...[...was.rows].flatMap(([what, count]) =>
      is.rows.get(what) === count ? [] : [`has ${is.rows.get(what)} in ${what}, not ${count}`],
    ),
  ];
  if (differs.length === 0) return { objects: is.inventory.size, rows: is.rows.size };
  throw new OpsError({
    code: 'SQUASH_DIFFERS',
    message: `What the squash makes is not what they make: it ${differs.slice(0, 5).join('; it ')}${differs.length > 5 ? `; and ${differs.length - 5} more` : ''}.`,
    hint: 'Squash less (--through NAME): one of them does something that hangs on its own session or transaction. Nothing was changed.',
  });
}

function unproven(thrown: unknown, what: string): unknown {
  if (!(thrown instanceof OpsError) || !thrown.code.match(/^(MIGRATION_|ENUM_VALUE_|CONCURRENTLY_)/)) return thrown;
  return new OpsError({
    code: 'SQUASH_FAILS',
    message: `${what}: ${thrown.message}`,
    hint: 'Squash less (--through NAME), up to the migration before that. Nothing was changed.',
    cause: thrown,
  });
}

async function makeOf(target: Target, scripts: Script[]): Promise<Made> {
  return withScratch(
    target,
    ({ url }) =>
      withMigrations(url, async (session) => {
        for (const script of scripts) await applyFenced(session, { checksum: '', ...script }, target);
        return { inventory: await readInventory(session.client), rows: await countRows(session.client) };
      }),
    { content: 'empty' },
  );
}

async function countRows(client: Client): Promise<Made['rows']> {
  const rows = new Map<string, string>();
  for (const { label } of await readTables(client)) {
    // The label comes quoted from PostgreSQL.
    const counted = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${label}`);
    rows.set(label, String(counted.rows[0]?.n));
  }
  const { rows: sequences } = await client.query<{ name: string; last: string | null }>(
    `SELECT format('%I.%I', schemaname, sequencename) AS name, last_value::text AS last FROM pg_sequences`,
  );
  for (const { name, last } of sequences) rows.set(`sequence ${name}`, String(last));
  return rows;
}
