import { connectPostgres, OpsError, type Secret, withPostgres } from '@drydock/kit';
import { digestsOf, readInventory, thingsOf } from '@drydock/kit/inventory';
import type { Client } from 'pg';
import { listTables } from './checksums.ts';
import { type Given, readGiven } from './given.ts';
import { LOCK_WAIT_MS } from './pg-dump.ts';
import { readStructure, type Structure } from './structure.ts';
import { cannotRead } from './unreadable.ts';

export interface Facts {
  database: string;
  serverVersion: string;
  /** Prisma's table of migrations, as PostgreSQL names the two. */
  history: { schema: string; name: string } | null;
  /** What the text of values depends on beside what pg_dump sets. */
  textSettings: Record<string, string>;
  extensions: string[];
  extensionVersions: Record<string, string>;
  owners: string[];
  roles: string[];
  outward: string[];
  given: Given;
  locale: { encoding: string; collate: string; ctype: string };
  structure: Structure;
  kinds: Record<string, string>;
  things: Record<string, string>;
  /** Bytes of all tables on the server's disk, without indexes: about what the dump will be. */
  tableBytes: number;
}

/** SQLSTATE lock_not_available. */
const LOCK_TIMEOUT = '55P03';

async function lockAll(url: Secret, client: Client, tables: string[], lockWaitMs: number): Promise<void> {
  if (tables.length === 0) return;
  const { rows } = await client.query<{ pid: number }>(
    `SELECT pg_backend_pid() AS pid FROM set_config('lock_timeout', $1, true)`,
    [String(lockWaitMs)],
  );
  // Asked by another session: this one waits.
  const blockers = whoBlocks(url, rows[0]?.pid ?? 0, lockWaitMs / 2);
  try {
    await client.query(`LOCK TABLE ${tables.join(', ')} IN ACCESS SHARE MODE`);
  } catch (cause) {
    if ((cause as { code?: string }).code !== LOCK_TIMEOUT) throw cause;
    const who = await blockers.seen();
    throw new OpsError({
      code: 'TABLE_LOCKED',
      message: `A table is held by ${who || 'a session that is gone by now'}; a backup waits for it for ${Math.round(lockWaitMs / 1_000)} s.`,
      hint: 'Wait for it to end, or end it: SELECT pg_terminate_backend(PID); then run it again.',
      cause,
    });
  } finally {
    blockers.stop();
  }
}

/** Looks, after a while, for whom a session waits. */
function whoBlocks(url: Secret, pid: number, afterMs: number): { seen(): Promise<string>; stop(): void } {
  let looked: Promise<string> = Promise.resolve('');
  const look = () =>
    withPostgres(url, 'drydock db:backup', async (client) => {
      const { rows } = await client.query<{ who: string }>(
        `SELECT format('session %s (%s, %s: %s)', pid, coalesce(nullif(application_name, ''), backend_type), state, left(query, 80)) AS who
           FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids($1))`,
        [pid],
      );
      return rows.map(({ who }) => who).join(' and ');
    });
  const timer = setTimeout(() => {
    looked = look().catch((error: Error) => `a session that could not be asked for (${error.message})`);
  }, afterMs);
  return { seen: () => looked, stop: () => clearTimeout(timer) };
}

/**
 * A session that keeps one snapshot open: pg_dump reads the rows in it, and what is asked here is of the same moment. It reads
 * catalogues alone. All tables are held with the weakest lock, as pg_dump does, so that none is dropped before it is read.
 */
export class Snapshot {
  readonly id: string;
  /** As `listTables` has them. */
  readonly tables: string[];
  readonly #client: Client;

  private constructor(client: Client, id: string, tables: string[]) {
    this.#client = client;
    this.id = id;
    this.tables = tables;
  }

  static async open(url: Secret, lockWaitMs = LOCK_WAIT_MS): Promise<Snapshot> {
    const client = await connectPostgres(url, 'drydock db:backup');
    try {
      await client.query(`SET statement_timeout = 0; SET jit = off; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`);
      const { rows } = await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
      const tables = await listTables(client);
      await lockAll(url, client, tables, lockWaitMs);
      return new Snapshot(client, rows[0]?.id ?? '', tables);
    } catch (cause) {
      await client.end();
      throw cause instanceof OpsError ? cause : cannotRead(cause);
    }
  }

  async facts(): Promise<Facts> {
    const { rows } = await this.#client.query<Omit<Facts, 'structure' | 'kinds' | 'things' | 'given'>>(FACTS);
    const [facts] = rows;
    if (!facts) throw new Error('a row of facts');
    const structure = await readStructure(this.#client);
    const inventory = await readInventory(this.#client);
    const [kinds, things] = [digestsOf(inventory), thingsOf(inventory)];
    return { ...facts, structure, kinds, things, given: await readGiven(this.#client) };
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}

const FACTS = `SELECT current_database() AS database, current_setting('server_version') AS "serverVersion",
    (SELECT json_build_object('schema', n.nspname, 'name', c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = to_regclass('_prisma_migrations')) AS history,
    json_build_object('bytea_output', current_setting('bytea_output'), 'lc_monetary', current_setting('lc_monetary')) AS "textSettings",
    (SELECT json_build_object('encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype) FROM pg_database WHERE datname = current_database()) AS locale,
    (SELECT coalesce(json_agg(extname ORDER BY extname), '[]') FROM pg_extension WHERE extname <> 'plpgsql') AS extensions,
    (SELECT coalesce(json_object_agg(extname, extversion), '{}') FROM pg_extension WHERE extname <> 'plpgsql') AS "extensionVersions",
    (SELECT coalesce(json_agg(DISTINCT r.rolname), '[]') FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
      WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o' AND s.classid NOT IN ('pg_subscription'::regclass, 'pg_publication'::regclass, 'pg_event_trigger'::regclass, 'pg_foreign_data_wrapper'::regclass)
        AND NOT (s.classid = 'pg_namespace'::regclass AND EXISTS (SELECT 1 FROM pg_extension e WHERE e.extnamespace = s.objid))
        AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())) AS owners,
    (SELECT coalesce(json_agg(DISTINCT r.rolname), '[]') FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
      WHERE s.refclassid = 'pg_authid'::regclass AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())) AS roles,
    (SELECT coalesce(json_agg(what ORDER BY what), '[]') FROM (
       SELECT 'publication ' || pubname AS what FROM pg_publication
        UNION ALL SELECT 'subscription ' || subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())) o) AS outward,
    (SELECT coalesce(sum(pg_table_size(c.oid)), 0)::float8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_') AS "tableBytes"`;
