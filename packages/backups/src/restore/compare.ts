import { connectPostgres, counted, type Finding, type Secret } from '@drydock/kit';
import { digestsOf, isAccess, readInventory } from '@drydock/kit/inventory';
import type { Client } from 'pg';
import { listTables, SUM_SETTINGS, sumLargeObjects, sumTable, type TableSum } from '../dump/checksums.ts';
import { compareSequences } from '../dump/sequences.ts';
import { readStructure } from '../dump/structure.ts';
import type { Manifest } from '../manifest.ts';

export interface Comparison {
  tables: number;
  rows: number;
  findings: Finding[];
}

/**
 * Whether a restored database is what the manifest says: rows and checksum of every table, large objects, the number of
 * objects of each kind and what they are, where the sequences stand, the migration head. `jobs` tables at a time; without `access`,
 * whose they are and who may what is not compared.
 */
export async function compareRestored(
  url: Secret,
  manifest: Manifest,
  { jobs, access = true }: { jobs: number; access?: boolean },
): Promise<Comparison> {
  const clients = await Promise.all(Array.from({ length: Math.max(1, jobs) }, () => connectSumming(url)));
  const [client] = clients;
  if (!client) throw new Error('a client');
  try {
    const names = await listTables(client);
    const sums = manifest.tables ? await sumAll(clients, names) : [];
    return {
      tables: names.length,
      rows: sums.reduce((all, { rows }) => all + rows, 0),
      findings: [
        ...(manifest.tables ? compareTables(manifest.tables, sums) : [notSummed]),
        ...(await compareLargeObjects(client, manifest)),
        ...(await compareObjects(client, manifest, access)),
        ...(await compareSequences(client, manifest)),
        ...(await compareHead(client, manifest)),
      ],
    };
  } finally {
    await Promise.all(clients.map((one) => one.end()));
  }
}

const notSummed: Finding = {
  level: 'warn',
  code: 'NOT_SUMMED',
  message: 'The backup was made with --checksums off: rows can be counted, but not compared.',
};

/** One table alone, by its rows and checksum; none of its name in the manifest is no difference. */
export async function compareOne(url: Secret, expected: TableSum[]): Promise<Comparison> {
  const client = await connectSumming(url);
  try {
    const there = await listTables(client);
    const sums = await sumAll(
      [client],
      expected.map(({ name }) => name).filter((name) => there.includes(name)),
    );
    const rows = sums.reduce((all, one) => all + one.rows, 0);
    return { tables: sums.length, rows, findings: compareTables(expected, sums) };
  } finally {
    await client.end();
  }
}

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

async function compareLargeObjects(client: Client, { largeObjects }: Manifest): Promise<Finding[]> {
  if (!largeObjects) return [];
  const { count, checksum } = await sumLargeObjects(client);
  if (count === largeObjects.count && checksum === largeObjects.checksum) return [];
  return [
    differs(
      'LARGE_OBJECTS_DIFFER',
      `${count} large objects are there, or not the same; the backup has ${largeObjects.count}.`,
    ),
  ];
}

function compareStructure({ structure }: Manifest, actual: Record<string, number>): Finding[] {
  return [...new Set([...Object.keys(structure), ...Object.keys(actual)])].flatMap((kind): Finding[] => {
    const [wanted, found] = [structure[kind] ?? 0, actual[kind] ?? 0];
    return wanted === found ? [] : [differs('OBJECTS_DIFFER', `${found} ${kind} are there, the backup has ${wanted}.`)];
  });
}

/** How many of each kind; and where as many are there, whether they are the same. */
async function compareObjects(client: Client, manifest: Manifest, access: boolean): Promise<Finding[]> {
  const fewer = compareStructure(manifest, await readStructure(client));
  if (fewer.length > 0) return fewer;
  const { kinds, serverVersion } = manifest;
  const { rows } = await client.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
  // Another one prints what things are in other words.
  if (!kinds || Number.parseInt(rows[0]?.version ?? '', 10) !== Number.parseInt(serverVersion, 10)) return [];
  const found = digestsOf(await readInventory(client));
  const others = [...new Set([...Object.keys(kinds), ...Object.keys(found)])].filter(
    (kind) => kinds[kind] !== found[kind] && (access || !isAccess(kind)),
  );
  if (others.length === 0) return [];
  const what = others.map((kind) => kind.replace(/ of$/, '')).join(', ');
  return [differs('OBJECTS_DIFFER', `As many objects are there as were backed up, and not the same: ${what}.`)];
}

async function compareHead(client: Client, { migrationHead }: Manifest): Promise<Finding[]> {
  if (!migrationHead) return [];
  const { rows } = await client.query<{ head: string | null }>(
    'SELECT max(migration_name) AS head FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  );
  if (rows[0]?.head === migrationHead) return [];
  return [
    differs('HEAD_DIFFERS', `The newest migration is ${rows[0]?.head ?? 'none'}, the backup has ${migrationHead}.`),
  ];
}

function differs(code: string, message: string): Finding {
  return { level: 'error', code, message };
}
