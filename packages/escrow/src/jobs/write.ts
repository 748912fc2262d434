import { command, hint, OpsError, quoteIdentifier as q, shownName } from '@drydock/kit';
import type { Client } from 'pg';
import type { Tables } from '../target.ts';
import { type Shape, shapeOf, table } from './columns.ts';
import { flagSql, textSql, writtenFlagSql, writtenTextSql } from './typed.ts';
import type { JobRow, Recalled } from './types.ts';

/**
 * Written before a transaction is sent, so that whoever comes after a kill waits for it instead of sending another. Only
 * into the row that was looked at: what somebody else has written meanwhile is a transaction too, or its end.
 */
export async function rememberTransaction(
  client: Client,
  tables: Tables,
  id: string,
  hash: string,
  seen: Recalled | undefined,
): Promise<boolean> {
  if (!seen) {
    await updateJob(client, tables, id, { txHash: hash });
    return true;
  }
  const shape = await shapeOf(client, tables);
  const { is, set } = inTypesOf(shape);
  const { rowCount } = await client.query(
    `UPDATE ${table(tables, tables.jobs)} SET ${set('txHash', '$2')}
      WHERE ${q(tables.columns.id)} = $1 AND ${is('pending', '$3')} AND ${is('deployed', '$4')} AND (${is('txHash', '$5')} OR ${is('txHash', '$2')})`,
    [id, hash, seen.pending, seen.deployed, seen.hash],
  );
  return rowCount === 1;
}

type Key = keyof Tables['columns'];

/** Conditions and assignments for columns of whatever type. */
function inTypesOf({ tables, column }: Shape) {
  const of = (key: Key) => ({ sql: q(tables.columns[key]), found: column(tables.jobs, tables.columns[key]) });
  const isFlag = (key: Key) => key === 'pending' || key === 'deployed';
  return {
    is(key: Key, value: string): string {
      const { sql, found } = of(key);
      return isFlag(key)
        ? `${flagSql(found, sql)} IS NOT DISTINCT FROM ${value}::boolean`
        : `${textSql(found, sql)} IS NOT DISTINCT FROM ${value}::text`;
    },
    set(key: Key, value: string): string {
      const { sql, found } = of(key);
      return `${sql} = ${isFlag(key) ? writtenFlagSql(found, sql, value) : writtenTextSql(found, value)}`;
    },
  };
}

/** What the product sets besides, from the one value it may have. */
async function advance(client: Client, tables: Tables, id: string): Promise<void> {
  const { whenDeployed, columns } = tables;
  if (!whenDeployed) return;
  const column = q(whenDeployed.column);
  await client.query(
    `UPDATE ${table(tables, tables.jobs)} SET ${column} = $2 WHERE ${q(columns.id)} = $1 AND ${column} = $3`,
    [id, whenDeployed.to, whenDeployed.from],
  );
}

async function updateJob(
  client: Client,
  tables: Tables,
  id: string,
  values: Partial<Record<Key, string | boolean>>,
): Promise<void> {
  const entries = Object.entries(values) as [Key, string | boolean][];
  const typed = inTypesOf(await shapeOf(client, tables));
  const set = entries.map(([key], i) => typed.set(key, `$${i + 2}`)).join(', ');
  const { rowCount } = await client.query(
    `UPDATE ${table(tables, tables.jobs)} SET ${set} WHERE ${q(tables.columns.id)} = $1`,
    [id, ...entries.map(([, value]) => value)],
  );
  if (rowCount === 1) return;
  throw new OpsError({
    code: 'JOB_GONE',
    message: `Job ${shownName(id)} is not in the database any more.`,
    hint: hint`Somebody deleted it meanwhile. ${command('escrow:reconcile')} shows escrows without a job.`,
  });
}

export interface RowTruth {
  pending?: boolean;
  deployed?: boolean;
  address?: string;
  /** The transaction that made it; null leaves what is there. */
  hash: string | null;
}

/**
 * The one way of the chain's truth into a row: only if it is still the row that was compared; false if somebody has changed
 * it meanwhile. `besides` is written with it, or not at all.
 */
export async function writeTruth(
  client: Client,
  tables: Tables,
  row: JobRow,
  { pending, deployed, address, hash }: RowTruth,
  besides: () => Promise<void>,
): Promise<boolean> {
  const { is } = inTypesOf(await shapeOf(client, tables));
  await client.query('BEGIN');
  try {
    const locked = await client.query(
      `SELECT 1 FROM ${table(tables, tables.jobs)} WHERE ${q(tables.columns.id)} = $1 AND ${is('pending', '$2')} AND ${is('deployed', '$3')}
          AND ${is('address', '$4')} AND ${is('txHash', '$5')} FOR UPDATE`,
      [row.id, row.pending, row.deployed, row.address, row.txHash],
    );
    if (locked.rowCount === 1) {
      const values = {
        ...(pending === undefined ? {} : { pending }),
        ...(deployed === undefined ? {} : { deployed }),
        ...(address === undefined ? {} : { address }),
        ...(hash === null ? {} : { txHash: hash }),
      };
      if (Object.keys(values).length > 0) await updateJob(client, tables, row.id, values);
      if (deployed) await advance(client, tables, row.id);
      await besides();
    }
    await client.query('COMMIT');
    return locked.rowCount === 1;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
