import { quoteIdentifier as q } from '@drydock/kit';
import { type Shape, table } from './columns.ts';
import { amountSql, flagSql, mayBeSetSql, textSql, timeSql } from './typed.ts';

/** What is read of each job, with sums of its amounts: `total`, and `open` for what is not paid by the database. */
export function jobColumns({ tables, column }: Shape): string {
  const { jobs, columns: c } = tables;
  const flag = (name: string, as: string) => {
    const [found, sql] = [column(jobs, name), `j.${q(name)}`];
    // What it says, where it may say neither.
    const said = found && found.kind !== 'boolean' ? `${sql}::text` : 'NULL::text';
    return `${flagSql(found, sql)} AS ${as}, ${said} AS ${as}_said`;
  };
  const text = (name: string) => textSql(column(jobs, name), `j.${q(name)}`);
  return `j.${q(c.id)}::text AS id, ${flag(c.pending, 'pending')}, ${flag(c.deployed, 'deployed')},
    ${text(c.address)} AS address, ${text(c.txHash)} AS "txHash", ${timeSql(column(jobs, c.since), `j.${q(c.since)}`)} AS since,
    m.total::text AS total, m.open::text AS open`;
}

/** Leaves out jobs that never asked for an escrow. */
export function isMarked({ tables, column }: Shape): string {
  const { jobs, columns: c } = tables;
  const set = (name: string) => mayBeSetSql(column(jobs, name), `j.${q(name)}`);
  return `${set(c.pending)} OR ${set(c.deployed)} OR j.${q(c.address)} IS NOT NULL OR j.${q(c.txHash)} IS NOT NULL`;
}

/** For all jobs the sums are made in one pass; for one job, of its own rows. */
export function amountsJoin({ tables, column }: Shape, jobs: 'all' | 'one'): string {
  const { amounts, columns } = tables;
  if ('column' in amounts) {
    const total = amountSql(column(tables.jobs, amounts.column), `j.${q(amounts.column)}`);
    return `CROSS JOIN LATERAL (SELECT ${total} AS total, NULL::numeric AS open) m`;
  }
  const amount = amountSql(column(amounts.table, amounts.amount), q(amounts.amount));
  const open = amounts.releasedAt
    ? `coalesce(sum(${amount}) FILTER (WHERE NOT ${isReleased({ column }, amounts.table, amounts.releasedAt)}), 0)`
    : 'NULL::numeric';
  const sums = `coalesce(sum(${amount}), 0) AS total, ${open} AS open`;
  const from = table(tables, amounts.table);
  const job = q(amounts.job);
  return jobs === 'one'
    ? `CROSS JOIN LATERAL (SELECT ${sums} FROM ${from} a WHERE a.${job} = j.${q(columns.id)}) m`
    : `LEFT JOIN (SELECT ${job} AS job, ${sums} FROM ${from} GROUP BY ${job}) m ON m.job = j.${q(columns.id)}`;
}

/** A time that is set, or a flag that is; of numbers 0 is none. */
export function isReleased({ column }: Pick<Shape, 'column'>, of: string, name: string): string {
  const found = column(of, name);
  if (found?.kind === 'boolean') return `coalesce(${q(name)}, false)`;
  const isNumber = found && ['integer', 'numeric', 'float'].includes(found.kind);
  return isNumber ? `(coalesce(${q(name)}, 0) <> 0)` : `(${q(name)} IS NOT NULL)`;
}

/** A wallet of the job: its own column, or that of the row it points to. */
export function walletOf({ tables, column }: Shape, who: 'client' | 'freelancer'): string {
  const { column: name, in: other } = tables[who];
  if (!other) return textSql(column(tables.jobs, name), `j.${q(name)}`);
  const wallet = textSql(column(other.table, other.wallet), `w.${q(other.wallet)}`);
  return `(SELECT ${wallet} FROM ${table(tables, other.table)} w WHERE w.${q(other.key)} = j.${q(name)})`;
}
