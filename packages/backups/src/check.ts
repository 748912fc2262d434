import {
  command,
  counted,
  type Environment,
  type Finding,
  hint,
  type LoadedConfig,
  operatorUrl,
  withPostgres,
} from '@drydock/kit';
import { digestsOf, readInventory, thingsOf } from '@drydock/kit/inventory';
import type { Client } from 'pg';
import { listTables } from './dump/checksums.ts';
import { readStructure } from './dump/structure.ts';
import type { Manifest } from './manifest.ts';
import { partsOf } from './table-name.ts';
import { namesText } from './things.ts';

export interface Live {
  structure: Record<string, number>;
  kinds: Record<string, string>;
  things: Record<string, string>;
  /** Tables that have to be in a backup, with the rows that the server's statistics know of. */
  tables: Map<string, number>;
  migrationHead: string | null;
  major: number;
}

/** What a database is now. Catalogues and statistics are read, and of rows Prisma's history alone. */
export async function readLive(config: LoadedConfig, environment: Environment): Promise<Live> {
  return withPostgres(operatorUrl(config, environment), 'drydock backup:check', async (client) => {
    const names = await listTables(client);
    const { rows } = await client.query<{ name: string; rows: number }>(
      `SELECT name, coalesce((SELECT n_live_tup FROM pg_stat_all_tables WHERE relid = name::regclass), 0)::float8 AS rows FROM unnest($1::text[]) AS name`,
      [names],
    );
    const { rows: versions } = await client.query<{ v: string }>(`SELECT current_setting('server_version') AS v`);
    const inventory = await readInventory(client);
    return {
      structure: await readStructure(client),
      kinds: digestsOf(inventory),
      things: thingsOf(inventory),
      tables: new Map(rows.map((one) => [one.name, one.rows])),
      migrationHead: await headOf(client),
      major: Number.parseInt(versions[0]?.v ?? '', 10),
    };
  });
}

async function headOf(client: Client): Promise<string | null> {
  const { rows: there } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS there`,
  );
  if (!there[0]?.there) return null;
  const { rows } = await client.query<{ head: string | null }>(
    `SELECT max(migration_name COLLATE "C") AS head FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
  );
  return rows[0]?.head ?? null;
}

/** A table of fewer rows changes within a day as it likes. */
const ROWS_THAT_COUNT = 1_000;

/** What of the database that runs the backup does not have. After a migration it is another one: that is told, and no more. */
export function compareLive(manifest: Manifest, live: Live, env: string): Finding[] {
  const again = hint`Make one of what runs now: ${command('db:backup', { env })}`;
  if (manifest.migrationHead !== live.migrationHead)
    return [
      {
        level: 'warn',
        code: 'BACKUP_BEHIND',
        message: `The newest backup is of migration ${manifest.migrationHead ?? 'none'}, the database of ${live.migrationHead ?? 'none'}: they are not compared.`,
        hint: again,
      },
    ];
  return [...structures(manifest, live, again), ...rowsLacking(manifest, live, again)];
}

function structures(manifest: Manifest, live: Live, again: Finding['hint']): Finding[] {
  const { structure, kinds, serverVersion } = manifest;
  const differ = (message: string): Finding => ({
    level: 'error',
    code: 'BACKUP_DIFFERS',
    message,
    ...(again ? { hint: again } : {}),
  });
  const numbers = [...new Set([...Object.keys(structure), ...Object.keys(live.structure)])].filter(
    (kind) => (structure[kind] ?? 0) !== (live.structure[kind] ?? 0),
  );
  if (numbers.length > 0) {
    const each = numbers.map(
      (kind) => `${live.structure[kind] ?? 0} ${kind} (the newest backup ${structure[kind] ?? 0})`,
    );
    return [differ(`The database has ${each.join(', ')}, both of one migration${namesText(manifest, live)}.`)];
  }
  // Another server prints what things are in other words.
  if (!kinds || Number.parseInt(serverVersion, 10) !== live.major) return [];
  const others = [...new Set([...Object.keys(kinds), ...Object.keys(live.kinds)])].filter(
    (kind) => kinds[kind] !== live.kinds[kind],
  );
  if (others.length === 0) return [];
  const what = others.map((kind) => kind.replace(/ of$/, '')).join(', ');
  return [
    differ(
      `The newest backup is of the same migration, and the database differs from it by ${what}${namesText(manifest, live)}.`,
    ),
  ];
}

/** By the server's own statistics, which are about right, and cost nothing. */
function rowsLacking({ tables }: Manifest, live: Live, again: Finding['hint']): Finding[] {
  if (!tables) return [];
  const kept = new Map(tables.map(({ name, rows }) => [partsOf(name).join('.'), rows]));
  return [...live.tables].flatMap(([name, rows]): Finding[] => {
    const had = kept.get(partsOf(name).join('.'));
    if (had === undefined)
      return [
        {
          level: 'error',
          code: 'BACKUP_DIFFERS',
          message: `The newest backup has no rows of ${name}.`,
          ...(again ? { hint: again } : {}),
        },
      ];
    if (rows < ROWS_THAT_COUNT || had * 2 >= rows) return [];
    return [
      {
        level: 'warn',
        code: 'ROWS_FEWER',
        message: `The newest backup has ${counted(had, 'row')} of ${name}, the database about ${Math.round(rows)}.`,
        ...(again ? { hint: again } : {}),
      },
    ];
  });
}
