import { command, hint, OpsError, quoteIdentifier as q, shownName, usageError, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import type { Target } from '../target.ts';
import { databaseError } from './errors.ts';
import { amountsJoin, jobColumns, table, walletOf } from './names.ts';
import type { JobRow, Order } from './types.ts';

type Database = Pick<Target, 'databaseUrl' | 'escrow'>;
/** As many as are asked of the chain at once. */
const PAGE = 2_000;

/** Connects, and tells errors of names that the config gives wrong in its own terms. */
export async function withJobs<T>(target: Database, use: (client: Client) => Promise<T>): Promise<T> {
  return withPostgres(target.databaseUrl, 'drydock escrow', async (client) => {
    try {
      return await use(client);
    } catch (cause) {
      throw databaseError(cause);
    }
  });
}

/**
 * All jobs, page by page, of one moment: a cursor in a transaction that sees nothing later. `marked` leaves out those
 * that never asked for an escrow.
 */
export async function* readJobPages(
  client: Client,
  tables: Target['escrow']['database'],
  { marked }: { marked: boolean },
): AsyncGenerator<JobRow[]> {
  const { pending, deployed, address, txHash } = tables.columns;
  const where = marked
    ? `WHERE j.${q(pending)} OR j.${q(deployed)} OR j.${q(address)} IS NOT NULL OR j.${q(txHash)} IS NOT NULL`
    : '';
  await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    await client.query(
      `DECLARE drydock_jobs NO SCROLL CURSOR FOR SELECT ${jobColumns(tables)} FROM ${table(tables, tables.jobs)} j ${amountsJoin(tables, 'all')} ${where}`,
    );
    for (;;) {
      const { rows } = await client.query<RawRow>(`FETCH ${PAGE} FROM drydock_jobs`);
      if (rows.length === 0) return;
      yield rows.map(toRow);
    }
  } finally {
    await client.query('ROLLBACK');
  }
}

/**
 * One job, by what somebody typed; unknown is a usage error. PostgreSQL compares many types by value (uuid, bigint,
 * citext), so one job can be typed in many ways: from here on it is called what the row calls it, `row.id`.
 */
export async function readJob(target: Database, typed: string): Promise<JobRow> {
  const tables = target.escrow.database;
  const [row, ...others] = await withJobs(target, (client) => readJobsById(client, tables, [typed]));
  if (row && others.length === 0) return row;
  if (row)
    throw usageError(
      'JOB_AMBIGUOUS',
      `${shownName(typed)} means ${others.length + 1} jobs in ${shownName(tables.jobs)}: ${[row, ...others].map(({ id }) => shownName(id)).join(', ')}.`,
      'escrow.database.columns.id in drydock.config.ts must name a column in which each value stands once.',
    );
  throw usageError(
    'JOB_UNKNOWN',
    `There is no job ${shownName(typed)} in ${shownName(tables.jobs)}.`,
    hint`Copy its id from the database, or list what is open: ${command('escrow:status')}`,
  );
}

/** In no order; those that are not there are left out. */
export async function readJobsById(
  client: Client,
  tables: Target['escrow']['database'],
  ids: string[],
): Promise<JobRow[]> {
  const id = q(tables.columns.id);
  try {
    const { rows } = await client.query<RawRow>(
      `SELECT ${jobColumns(tables)} FROM ${table(tables, tables.jobs)} j ${amountsJoin(tables, 'one')} WHERE j.${id} = ANY($1)`,
      [ids],
    );
    return rows.map(toRow);
  } catch (cause) {
    // Not a value of the id's type, or text that PostgreSQL cannot hold (a NUL): no job has it, and the others are asked for.
    if (!['22P02', '22021', '22003'].includes((cause as { code?: string }).code ?? '')) throw cause;
    if (ids.length < 2) return [];
    const half = Math.ceil(ids.length / 2);
    const halves = [ids.slice(0, half), ids.slice(half)];
    return [
      ...(await readJobsById(client, tables, halves[0] ?? [])),
      ...(await readJobsById(client, tables, halves[1] ?? [])),
    ];
  }
}

/** What the escrow of a job is made with, checked. */
export async function readOrder(target: Database, id: string): Promise<Order> {
  return withJobs(target, (client) => orderOf(client, target.escrow.database, id));
}

export async function orderOf(client: Client, tables: Target['escrow']['database'], id: string): Promise<Order> {
  const { rows } = await client.query<{ client: string | null; freelancer: string | null; amount: string | null }>(
    `SELECT ${walletOf(tables, 'client')} AS client, ${walletOf(tables, 'freelancer')} AS freelancer
         FROM ${table(tables, tables.jobs)} j WHERE j.${q(tables.columns.id)} = $1`,
    [id],
  );
  const [parties] = rows;
  return {
    jobId: id,
    client: await checkedWallet(id, 'client', parties?.client),
    freelancer: await checkedWallet(id, 'freelancer', parties?.freelancer),
    amounts: await readAmounts(client, tables, id),
  };
}

/** The same money for the same two. */
export function sameOrder(a: Order, b: Order): boolean {
  return a.client === b.client && a.freelancer === b.freelancer && a.amounts.join() === b.amounts.join();
}

async function readAmounts(client: Client, tables: Target['escrow']['database'], id: string): Promise<string[]> {
  const amounts = await amountsOf(client, tables, id);
  const wrong = amounts.find((amount) => !isWei(amount));
  if (amounts.length > 0 && wrong === undefined) return amounts as string[];
  throw new OpsError({
    code: 'JOB_INCOMPLETE',
    message:
      wrong === undefined
        ? `Job ${shownName(id)} has no amounts to fund.`
        : `Job ${shownName(id)} has the amount ${wrong ?? 'NULL'}, which is no whole number of wei.`,
    hint: 'Mend the job in the product, then run it again.',
  });
}

const isWei = (amount: string | null): amount is string => /^\d+$/.test(amount ?? '');

async function amountsOf(client: Client, tables: Target['escrow']['database'], id: string): Promise<(string | null)[]> {
  const { amounts, columns } = tables;
  const sql =
    'column' in amounts
      ? `SELECT ${q(amounts.column)}::text AS amount FROM ${table(tables, tables.jobs)} WHERE ${q(columns.id)} = $1`
      : `SELECT ${q(amounts.amount)}::text AS amount FROM ${table(tables, amounts.table)} WHERE ${q(amounts.job)} = $1 ORDER BY ${q(amounts.position)}`;
  const { rows } = await client.query<{ amount: string | null }>(sql, [id]);
  return rows.map(({ amount }) => amount);
}

/** Wei per milestone as the job says it now; empty where it says none that could be. */
export async function readJobAmounts(target: Database, id: string): Promise<bigint[]> {
  const amounts = await withJobs(target, (client) => amountsOf(client, target.escrow.database, id));
  return amounts.every(isWei) ? amounts.map(BigInt) : [];
}

async function checkedWallet(id: string, who: string, wallet: string | null | undefined): Promise<string> {
  const { getAddress, isAddress } = await import('viem');
  if (wallet && isAddress(wallet)) return getAddress(wallet);
  throw new OpsError({
    code: 'JOB_INCOMPLETE',
    message: wallet
      ? `The ${who} of job ${shownName(id)} has the wallet ${shownName(wallet)}, which is no address, or its checksum (EIP-55) is wrong.`
      : `Job ${shownName(id)} has no ${who} with a wallet.`,
    hint: 'Mend the job in the product, then run it again.',
  });
}

interface RawRow {
  id: string;
  pending: boolean;
  deployed: boolean;
  address: string | null;
  txHash: string | null;
  sinceMs: number | null;
  total: string | null;
  open: string | null;
}

function toRow({ total, open, ...row }: RawRow): JobRow {
  return { ...row, total: BigInt(total ?? 0), open: open === null ? undefined : BigInt(open) };
}
