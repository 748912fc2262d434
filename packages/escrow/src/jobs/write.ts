import { OpsError, quoteIdentifier as q } from '@drydock/kit';
import type { Client } from 'pg';
import type { Tables } from '../target.ts';
import { table } from './names.ts';
import { shown } from './shown.ts';

/** Written before a transaction is sent, so that whoever comes after a kill waits for it instead of sending another. */
export async function rememberTransaction(client: Client, tables: Tables, id: string, hash: string): Promise<void> {
  await updateJob(client, tables, id, { txHash: hash });
}

export interface Made {
  address: string;
  /** Null if nobody knows it: what the database has stays. */
  txHash: string | null;
}

/** The escrow is there: the flags, where it is, and what the product sets besides. */
export async function markDeployed(
  client: Client,
  tables: Tables,
  id: string,
  { address, txHash }: Made,
): Promise<void> {
  await client.query('BEGIN');
  try {
    await updateJob(client, tables, id, {
      pending: false,
      deployed: true,
      address,
      ...(txHash === null ? {} : { txHash }),
    });
    const { whenDeployed, columns } = tables;
    if (whenDeployed)
      await client.query(
        `UPDATE ${table(tables, tables.jobs)} SET ${q(whenDeployed.column)} = $2 WHERE ${q(columns.id)} = $1 AND ${q(whenDeployed.column)} = $3`,
        [id, whenDeployed.to, whenDeployed.from],
      );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** Runbook, section 7: `escrowDeployed=false`, `escrowPending=false`, and nothing else. */
export async function clearFlags(client: Client, tables: Tables, id: string): Promise<void> {
  await updateJob(client, tables, id, { pending: false, deployed: false });
}

async function updateJob(
  client: Client,
  tables: Tables,
  id: string,
  values: Partial<Record<keyof Tables['columns'], string | boolean>>,
): Promise<void> {
  const entries = Object.entries(values) as [keyof Tables['columns'], string | boolean][];
  const set = entries.map(([column], i) => `${q(tables.columns[column])} = $${i + 2}`).join(', ');
  const { rowCount } = await client.query(
    `UPDATE ${table(tables, tables.jobs)} SET ${set} WHERE ${q(tables.columns.id)} = $1`,
    [id, ...entries.map(([, value]) => value)],
  );
  if (rowCount === 1) return;
  throw new OpsError({
    code: 'JOB_GONE',
    message: `Job ${shown(id)} is not in the database any more.`,
    hint: 'Somebody deleted it meanwhile. npm run escrow:reconcile shows escrows without a job.',
  });
}
