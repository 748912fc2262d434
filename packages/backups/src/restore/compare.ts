import { connectPostgres, type Finding, type Secret } from '@drydock/kit';
import { digestsOf, isAccess, readInventory, thingsOf } from '@drydock/kit/inventory';
import type { Client } from 'pg';
import type { Counted } from '../archive/reader.ts';
import { listTables, SUM_SETTINGS, sumTable, type TableSum } from '../dump/checksums.ts';
import { compareSequences } from '../dump/sequences.ts';
import { readStructure } from '../dump/structure.ts';
import type { Manifest } from '../manifest.ts';
import { namesText } from '../things.ts';
import { compareLargeObjects } from './compare-objects.ts';
import { compareCopies, compareTables, namedSums, type RowsOptions } from './compare-rows.ts';

export interface Comparison {
  tables: number;
  rows: number;
  findings: Finding[];
}

export interface CompareOptions extends RowsOptions {
  /** Whether owners and rights are compared. */
  access?: boolean;
  /** What the dump told while it was restored: then the rows are not read again, but for those that settings may have changed. */
  passed?: Passed | undefined;
}

/** Of the dump, as it passed into pg_restore. */
export type Passed = { tables: Counted[]; largeObjects: NonNullable<Manifest['largeObjects']> };

/**
 * Whether a restored database is what the manifest says: rows and checksum of every table, large objects, the number of
 * objects of each kind and what they are, where the sequences stand, the migration head.
 */
export async function compareRestored(url: Secret, manifest: Manifest, options: CompareOptions): Promise<Comparison> {
  const { jobs, access = true, passed } = options;
  const clients = await Promise.all(
    Array.from({ length: manifest.format === 1 ? Math.max(1, jobs) : 1 }, () => connectSumming(url)),
  );
  const [client] = clients;
  if (!client) throw new Error('a client');
  try {
    const names = await listTables(client);
    const rows = manifest.tables
      ? await compareRows(clients, { url, names, manifest }, options)
      : { sums: [], findings: [notSummed] };
    return {
      tables: names.length,
      rows: sumRows(rows.sums),
      findings: [
        ...rows.findings,
        ...(await compareLargeObjects(client, manifest, passed?.largeObjects)),
        ...(await compareObjects(client, manifest, access)),
        ...(await compareSequences(client, manifest)),
        ...(await compareHead(client, manifest)),
      ],
    };
  } finally {
    await Promise.all(clients.map((one) => one.end()));
  }
}

type Compared = { sums: TableSum[]; findings: Finding[] };

async function compareRows(
  clients: Client[],
  { url, names, manifest }: { url: Secret; names: string[]; manifest: Manifest },
  options: CompareOptions,
): Promise<Compared> {
  const expected = manifest.tables ?? [];
  const [client] = clients as [Client];
  if (manifest.format === 1) {
    const sums = await sumAll(clients, names);
    return { sums, findings: compareTables(expected, sums) };
  }
  const { passed } = options;
  if (!passed) return compareCopies(client, url, names, manifest, options);
  const told = new Map(namedSums(expected, passed.tables).map((one) => [one.name, one]));
  const sums = names.map((name) => told.get(name) ?? { name, rows: 0, checksum: '' });
  const again = await dependingOnSettings(client, names);
  const read = again.length > 0 ? await compareCopies(client, url, again, only(manifest, again), options) : undefined;
  return { sums, findings: [...compareTables(expected, sums), ...(read?.findings ?? [])] };
}

function only(manifest: Manifest, names: string[]): Manifest {
  return { ...manifest, tables: (manifest.tables ?? []).filter(({ name }) => names.includes(name)) };
}

/** Tables with money in them: what its text means, the server's settings say, when it is written and when it is read. */
async function dependingOnSettings(client: Client, names: string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `WITH RECURSIVE holding (oid) AS (
       SELECT unnest(ARRAY['money'::regtype, 'money[]'::regtype])::oid
        UNION SELECT t.oid FROM holding h JOIN pg_type t ON t.typbasetype = h.oid OR t.typelem = h.oid
           OR t.typrelid IN (SELECT attrelid FROM pg_attribute WHERE atttypid = h.oid AND NOT attisdropped))
     SELECT name FROM unnest($1::text[]) AS name
      WHERE EXISTS (SELECT 1 FROM pg_attribute a JOIN holding h ON h.oid = a.atttypid WHERE a.attrelid = name::regclass AND NOT a.attisdropped)`,
    [names],
  );
  return rows.map(({ name }) => name);
}

const notSummed: Finding = {
  level: 'warn',
  code: 'NOT_SUMMED',
  message: 'The backup was made with --checksums off: rows can be counted, but not compared.',
};

/**
 * One table alone, by its rows and checksum; none of its name in the manifest is no difference. Where the manifest's sums are of the
 * dump, they are held against what `passed`.
 */
export async function compareOne(
  url: Secret,
  expected: TableSum[],
  { format, passed }: { format: Manifest['format']; passed: Counted[] | null },
): Promise<Comparison> {
  if (format !== 1) {
    const sums = namedSums(expected, passed ?? []);
    return { tables: sums.length, rows: sumRows(sums), findings: compareTables(passed ? expected : [], sums) };
  }
  const client = await connectSumming(url);
  try {
    const there = await listTables(client);
    const sums = await sumAll(
      [client],
      expected.map(({ name }) => name).filter((name) => there.includes(name)),
    );
    return { tables: sums.length, rows: sumRows(sums), findings: compareTables(expected, sums) };
  } finally {
    await client.end();
  }
}

const sumRows = (sums: TableSum[]) => sums.reduce((all, { rows }) => all + rows, 0);

async function connectSumming(url: Secret): Promise<Client> {
  const client = await connectPostgres(url, 'drydock compare');
  await client.query(SUM_SETTINGS);
  return client;
}

async function sumAll(clients: Client[], names: string[]): Promise<TableSum[]> {
  const queue = [...names];
  const sums: TableSum[] = [];
  await Promise.all(
    clients.map(async (client) => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) sums.push(await sumTable(client, name));
    }),
  );
  return sums;
}

/** How many of each kind; and where as many are there, whether they are the same. */
async function compareObjects(client: Client, manifest: Manifest, access: boolean): Promise<Finding[]> {
  const [structure, inventory] = [await readStructure(client), await readInventory(client)];
  const { rows } = await client.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
  const major = Number.parseInt(rows[0]?.version ?? '', 10);
  const names = () => namesText(manifest, { things: thingsOf(inventory), major }, access);
  const numbers = [...new Set([...Object.keys(manifest.structure), ...Object.keys(structure)])].flatMap((kind) => {
    const [wanted, found] = [manifest.structure[kind] ?? 0, structure[kind] ?? 0];
    return wanted === found ? [] : [`${found} ${kind} are there, the backup has ${wanted}`];
  });
  if (numbers.length > 0) return [differs('OBJECTS_DIFFER', `${numbers.join('; ')}${names()}.`)];
  const { kinds, serverVersion } = manifest;
  // Another one prints what things are in other words.
  if (!kinds || major !== Number.parseInt(serverVersion, 10)) return [];
  const found = digestsOf(inventory);
  const others = [...new Set([...Object.keys(kinds), ...Object.keys(found)])].filter(
    (kind) => kinds[kind] !== found[kind] && (access || !isAccess(kind)),
  );
  if (others.length === 0) return [];
  const what = others.map((kind) => kind.replace(/ of$/, '')).join(', ');
  return [
    differs('OBJECTS_DIFFER', `As many objects are there as were backed up, and not the same by ${what}${names()}.`),
  ];
}

/** By the bytes of their names, as the dump was read; of a manifest of before, as its server sorted them. */
async function compareHead(client: Client, { migrationHead }: Manifest): Promise<Finding[]> {
  if (!migrationHead) return [];
  const { rows } = await client.query<{ head: string | null; sorted: string | null }>(
    `SELECT max(migration_name COLLATE "C") AS head, max(migration_name) AS sorted
       FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
  );
  const { head = null, sorted = null } = rows[0] ?? {};
  if (head === migrationHead || sorted === migrationHead) return [];
  return [differs('HEAD_DIFFERS', `The newest migration is ${head ?? 'none'}, the backup has ${migrationHead}.`)];
}

function differs(code: string, message: string): Finding {
  return { level: 'error', code, message };
}
