import { OpsError, quoteIdentifier as q, shownName } from '@drydock/kit';
import type { Client } from 'pg';
import { walletIn } from '../chain/address.ts';
import { described, type Shape, shapeOf, table } from './columns.ts';
import { walletOf } from './names.ts';
import { type Database, withJobs } from './read.ts';
import { wholeOf } from './row.ts';
import { amountSql } from './typed.ts';
import type { Order } from './types.ts';

type Tables = Database['escrow']['database'];

/** What the escrow of a job is made with, checked. */
export async function readOrder(target: Database, id: string): Promise<Order> {
  return withJobs(target, (client) => orderOf(client, target.escrow.database, id));
}

export async function orderOf(client: Client, tables: Tables, id: string): Promise<Order> {
  const shape = await shapeOf(client, tables);
  const { rows } = await client.query<{ client: string | null; freelancer: string | null }>(
    `SELECT ${walletOf(shape, 'client')} AS client, ${walletOf(shape, 'freelancer')} AS freelancer
         FROM ${table(tables, tables.jobs)} j WHERE j.${q(tables.columns.id)} = $1`,
    [id],
  );
  const [parties] = rows;
  return {
    jobId: id,
    client: checkedWallet(id, 'client', parties?.client),
    freelancer: checkedWallet(id, 'freelancer', parties?.freelancer),
    amounts: checkedAmounts(shape, id, await amountsOf(client, shape, id)),
  };
}

/** The same money for the same two. */
export function sameOrder(a: Order, b: Order): boolean {
  return a.client === b.client && a.freelancer === b.freelancer && a.amounts.join() === b.amounts.join();
}

/** Wei per milestone as the job says it now; empty where it says none that could be. */
export async function readJobAmounts(target: Database, id: string): Promise<bigint[]> {
  const amounts = await withJobs(target, async (client) =>
    amountsOf(client, await shapeOf(client, target.escrow.database), id),
  );
  const wei = amounts.map(({ wei }) => wholeOf(wei));
  return wei.every((one) => one !== undefined) ? wei : [];
}

interface Amount {
  /** NaN where its type does not hold it exactly. */
  wei: string | null;
  /** As the column has it. */
  said: string | null;
}

async function amountsOf(client: Client, { tables, column }: Shape, id: string): Promise<Amount[]> {
  const { amounts, columns, jobs } = tables;
  const [of, name] = 'column' in amounts ? [jobs, amounts.column] : [amounts.table, amounts.amount];
  const from = `SELECT ${amountSql(column(of, name), q(name))}::text AS wei, ${q(name)}::text AS said FROM ${table(tables, of)}`;
  const sql =
    'column' in amounts
      ? `${from} WHERE ${q(columns.id)} = $1`
      : `${from} WHERE ${q(amounts.job)} = $1 ORDER BY ${q(amounts.position)}`;
  return (await client.query<Amount>(sql, [id])).rows;
}

function checkedAmounts(shape: Shape, id: string, amounts: Amount[]): string[] {
  const wei = amounts.map((amount) => wholeOf(amount.wei));
  const wrong = wei.indexOf(undefined);
  if (amounts.length > 0 && wrong === -1) return wei.map(String);
  const { tables } = shape;
  const column =
    'column' in tables.amounts
      ? described(shape, tables.jobs, tables.amounts.column)
      : described(shape, tables.amounts.table, tables.amounts.amount);
  const said = amounts[wrong]?.said;
  // Every digit is there, and still it may stand for another.
  const rounded = wrong !== -1 && /^\d+(\.0*)?$|e\+/.test(said ?? '');
  throw incomplete(
    amounts.length === 0
      ? `Job ${shownName(id)} has no amounts to fund.`
      : `Job ${shownName(id)} has the amount ${shownName(said ?? 'NULL')}, which is no whole number of wei${rounded ? ' that its type holds exactly' : ''} (${column}).`,
  );
}

function checkedWallet(id: string, who: string, wallet: string | null | undefined): string {
  const address = wallet ? walletIn(wallet) : undefined;
  if (address) return address;
  throw incomplete(
    wallet
      ? `The ${who} of job ${shownName(id)} has the wallet ${shownName(wallet)}, which is no address, or its checksum (EIP-55) is wrong.`
      : `Job ${shownName(id)} has no ${who} with a wallet.`,
  );
}

function incomplete(message: string): OpsError {
  return new OpsError({
    code: 'JOB_INCOMPLETE',
    message,
    hint: 'Mend the job in the product, then run it again.',
  });
}
