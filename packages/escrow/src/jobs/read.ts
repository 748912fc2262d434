import { command, hint, quoteIdentifier as q, shownName, usageError, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import type { Target } from '../target.ts';
import { shapeOf, table } from './columns.ts';
import { databaseError } from './errors.ts';
import { amountsJoin, isMarked, jobColumns } from './names.ts';
import { type RawRow, toRow } from './row.ts';
import type { JobRow } from './types.ts';

export type Database = Pick<Target, 'databaseUrl' | 'escrow'>;
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
  const shape = await shapeOf(client, tables);
  const where = marked ? `WHERE ${isMarked(shape)}` : '';
  await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    await client.query(
      `DECLARE drydock_jobs NO SCROLL CURSOR FOR SELECT ${jobColumns(shape)} FROM ${table(tables, tables.jobs)} j ${amountsJoin(shape, 'all')} ${where}`,
    );
    for (;;) {
      const { rows } = await client.query<RawRow>(`FETCH ${PAGE} FROM drydock_jobs`);
      if (rows.length === 0) return;
      yield rows.map((row) => toRow(shape, row));
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
  const shape = await shapeOf(client, tables);
  try {
    const { rows } = await client.query<RawRow>(
      `SELECT ${jobColumns(shape)} FROM ${table(tables, tables.jobs)} j ${amountsJoin(shape, 'one')} WHERE j.${id} = ANY($1)`,
      [ids],
    );
    return rows.map((row) => toRow(shape, row));
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
