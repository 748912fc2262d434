import { counted, type Finding, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { LineSum } from '../archive/line-sum.ts';
import { ArchiveReader, type Counted, type Taker } from '../archive/reader.ts';
import { RowSum } from '../archive/row-sum.ts';
import type { TableSum } from '../dump/checksums.ts';
import { readCopies } from '../dump/copies.ts';
import type { Manifest } from '../manifest.ts';
import { keyOfName, keyOfTable } from '../table-name.ts';

/** The dump in the clear, from its beginning, as often as it is asked for. */
export type Plain = () => AsyncIterable<Buffer>;

export interface RowsOptions {
  /** So many sessions read at a time. */
  jobs: number;
  /** Where rows lie in another order than they were dumped in, both are read once more, and compared in any order. */
  plain?: Plain | undefined;
}

/** Sums of tables of a database, each read once by COPY, as the manifest's were made of the dump. */
export async function sumCopies(
  client: Client,
  url: Secret,
  names: string[],
  manifest: Manifest,
  jobs: number,
): Promise<TableSum[]> {
  const sums = names.map((name) => ({ name, taker: new RowSum() }));
  await readCopies(client, url, sums, { jobs, settings: settingsOf(manifest) });
  return sums.map(({ name, taker }) => ({ name, ...taker.result() }));
}

const settingsOf = (manifest: Manifest) => (manifest.format === 1 ? undefined : manifest.textSettings);

/** What the dump told while it passed, by the names of the manifest. */
export function namedSums(expected: TableSum[], counted: Counted[]): TableSum[] {
  const names = new Map(expected.map(({ name }) => [keyOfName(name), name]));
  return counted.flatMap(({ rows, checksum, ...table }) => {
    const name = names.get(keyOfTable(table));
    return name === undefined ? [] : [{ name, rows, checksum }];
  });
}

/**
 * Whether the rows of a restored database are the manifest's. pg_restore of one job puts rows where there is room, and so in
 * another order than they came in: what has as many, and another sum, is looked at once more row by row.
 */
export async function compareCopies(
  client: Client,
  url: Secret,
  names: string[],
  manifest: Manifest,
  { jobs, plain }: RowsOptions,
): Promise<{ sums: TableSum[]; findings: Finding[] }> {
  const expected = manifest.tables ?? [];
  const sums = await sumCopies(client, url, names, manifest, jobs);
  const findings = compareTables(expected, sums);
  const moved = expected.filter(({ name, rows, checksum }) =>
    sums.some((one) => one.name === name && one.rows === rows && one.checksum !== checksum),
  );
  if (!plain || moved.length === 0) return { sums, findings };
  const there = moved.map(({ name }) => ({ name, taker: new LineSum() }));
  const [dumped] = await Promise.all([
    sumLines(plain(), moved),
    readCopies(client, url, there, { jobs, settings: settingsOf(manifest) }),
  ]);
  const same = new Set(there.filter(({ name, taker }) => dumped.get(name) === taker.result()).map(({ name }) => name));
  const equal = sums.map((one) => expected.find(({ name }) => same.has(name) && name === one.name) ?? one);
  return { sums, findings: compareTables(expected, equal) };
}

async function sumLines(plain: AsyncIterable<Buffer>, tables: TableSum[]): Promise<Map<string, string>> {
  const names = new Map(tables.map(({ name }) => [keyOfName(name), name]));
  const sums = new Map<string, LineSum>();
  const takers = (table: { schema: string; name: string }): Taker | undefined => {
    const name = names.get(keyOfTable(table));
    if (name === undefined) return undefined;
    const sum = new LineSum();
    sums.set(name, sum);
    return sum;
  };
  const reader = new ArchiveReader({ takers });
  for await (const piece of plain) reader.add(piece);
  if (!reader.isWhole()) return new Map();
  return new Map([...sums].map(([name, sum]) => [name, sum.result()]));
}

export function compareTables(expected: TableSum[], actual: TableSum[]): Finding[] {
  const found = new Map(actual.map((sum) => [sum.name, sum]));
  const wanted = new Set(expected.map(({ name }) => name));
  const more = actual.filter(({ name }) => !wanted.has(name));
  return [
    ...expected.flatMap(({ name, rows, checksum }): Finding[] => {
      const sum = found.get(name);
      if (!sum) return [differs('TABLE_MISSING', `The table ${name} is not there.`)];
      if (sum.rows !== rows)
        return [differs('ROWS_DIFFER', `${name} has ${counted(sum.rows, 'row')}, the backup has ${rows}.`)];
      if (sum.checksum !== checksum)
        return [differs('CHECKSUM_DIFFERS', `${name} has the ${rows} rows of the backup, and another checksum.`)];
      return [];
    }),
    ...more.map(({ name }) => differs('TABLE_UNKNOWN', `The table ${name} is not in the backup.`)),
  ];
}

function differs(code: string, message: string): Finding {
  return { level: 'error', code, message };
}
