import { quoteIdentifier as q } from '@drydock/kit';
import type { Tables } from '../target.ts';

/** A table as SQL: in the schema that the config names, or where the connection looks. */
export function table(tables: Tables, name: string): string {
  return tables.schema ? `${q(tables.schema)}.${q(name)}` : q(name);
}

/** What is read of each job, with sums of its amounts: `total`, and `open` for what is not paid by the database. */
export function jobColumns({ columns }: Tables): string {
  return `j.${q(columns.id)}::text AS id, j.${q(columns.pending)} AS pending, j.${q(columns.deployed)} AS deployed,
    j.${q(columns.address)} AS address, j.${q(columns.txHash)} AS "txHash",
    EXTRACT(EPOCH FROM (j.${q(columns.since)} AT TIME ZONE 'UTC'))::float8 * 1000 AS "sinceMs",
    m.total::text AS total, m.open::text AS open`;
}

/** For all jobs the sums are made in one pass; for one job, of its own rows. */
export function amountsJoin(tables: Tables, jobs: 'all' | 'one'): string {
  const { amounts, columns } = tables;
  if ('column' in amounts)
    return `CROSS JOIN LATERAL (SELECT j.${q(amounts.column)} AS total, NULL::numeric AS open) m`;
  const amount = q(amounts.amount);
  const open = amounts.releasedAt
    ? `coalesce(sum(${amount}) FILTER (WHERE ${q(amounts.releasedAt)} IS NULL), 0)`
    : 'NULL::numeric';
  const sums = `coalesce(sum(${amount}), 0) AS total, ${open} AS open`;
  const from = table(tables, amounts.table);
  const job = q(amounts.job);
  return jobs === 'one'
    ? `CROSS JOIN LATERAL (SELECT ${sums} FROM ${from} a WHERE a.${job} = j.${q(columns.id)}) m`
    : `LEFT JOIN (SELECT ${job} AS job, ${sums} FROM ${from} GROUP BY ${job}) m ON m.job = j.${q(columns.id)}`;
}

/** A wallet of the job: its own column, or that of the row it points to. */
export function walletOf(tables: Tables, who: 'client' | 'freelancer'): string {
  const { column, in: other } = tables[who];
  if (!other) return `j.${q(column)}`;
  return `(SELECT w.${q(other.wallet)} FROM ${table(tables, other.table)} w WHERE w.${q(other.key)} = j.${q(column)})`;
}
