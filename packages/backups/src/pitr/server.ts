import { OpsError, type Secret, withPostgres } from '@drydock/kit';

/** What a server says of itself; what the role may not see is left out. */
export interface ServerFacts {
  major: number;
  port: number;
  dataFolder?: string;
  /** Of its own programs. */
  binFolder?: string;
  configFile?: string;
  /** Empty where it listens on no socket. */
  socketFolder?: string;
  walLevel: string;
  archiveCommand?: string;
  /** How many lie outside of the data folder. */
  tablespaces?: number;
  /** The segment of WAL that could not be sent last, where none has been sent since. */
  failing?: { segment: string; since: string };
}

const SETTINGS = [
  'server_version_num',
  'port',
  'data_directory',
  'config_file',
  'unix_socket_directories',
  'wal_level',
  'archive_mode',
  'archive_command',
];

export async function readServer(url: Secret): Promise<ServerFacts> {
  return withPostgres(url, 'drydock backup:pitr', async (client) => {
    // The view leaves out what only superusers and pg_read_all_settings may see.
    const { rows } = await client.query<{ name: string; setting: string }>(
      'SELECT name, setting FROM pg_settings WHERE name = ANY($1)',
      [SETTINGS],
    );
    const of = (name: string) => rows.find((row) => row.name === name)?.setting;
    const bin = await client
      .query<{ setting: string }>("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
      .catch(() => undefined);
    const { rows: more } = await client.query<{ tablespaces: number; segment: string | null; since: string | null }>(
      `SELECT (SELECT count(*)::int FROM pg_tablespace WHERE pg_tablespace_location(oid) <> '') AS tablespaces,
              CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN last_failed_wal END AS segment, last_failed_time::text AS since
         FROM pg_stat_archiver`,
    );
    const { tablespaces, segment, since } = more[0] ?? { tablespaces: 0 };
    return withoutUnknown({
      tablespaces,
      failing: segment && since ? { segment, since } : undefined,
      major: Math.floor(Number(of('server_version_num')) / 10_000),
      port: Number(of('port')),
      dataFolder: of('data_directory'),
      binFolder: bin?.rows[0]?.setting,
      configFile: of('config_file'),
      socketFolder: of('unix_socket_directories')?.split(',')[0]?.trim(),
      walLevel: of('wal_level') ?? 'replica',
      archiveCommand: of('archive_mode') === 'off' ? undefined : of('archive_command'),
    });
  });
}

/** Debian's own places, for a server that nobody could ask. */
export function assumedServer(major = 15): Required<Omit<ServerFacts, 'archiveCommand' | 'tablespaces' | 'failing'>> {
  return {
    major,
    port: 5432,
    dataFolder: `/var/lib/postgresql/${major}/main`,
    binFolder: `/usr/lib/postgresql/${major}/bin`,
    configFile: `/etc/postgresql/${major}/main/postgresql.conf`,
    socketFolder: '/var/run/postgresql',
    walLevel: 'replica',
  };
}

type Loose = { [K in keyof ServerFacts]: ServerFacts[K] | undefined };

function withoutUnknown(facts: Loose): ServerFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as unknown as ServerFacts;
}

/** It is away from here, or this machine was not told where it is. One that refuses is a mistake to mend. */
export function isUnasked(thrown: unknown): thrown is OpsError {
  const codes = ['DATABASE_UNREACHABLE', 'VARIABLE_MISSING'];
  return thrown instanceof OpsError && codes.includes(thrown.code);
}
