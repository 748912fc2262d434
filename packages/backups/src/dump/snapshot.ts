import { connectPostgres, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { listTables, SUM_SETTINGS, sumLargeObjects, sumTable, type TableSum } from './checksums.ts';
import { readStructure, type Structure } from './structure.ts';
import { cannotRead } from './unreadable.ts';

export interface Facts {
  database: string;
  serverVersion: string;
  migrationHead: string | null;
  extensions: string[];
  roles: string[];
  locale: { encoding: string; collate: string; ctype: string };
  structure: Structure;
  /** Bytes of all tables on the server's disk, without indexes: about what the dump will be. */
  tableBytes: number;
}

export interface Sums {
  tables: TableSum[];
  largeObjects: { count: number; checksum: string };
}

/**
 * A session that keeps one snapshot open: pg_dump reads in it, and so do the counts and checksums. All tables are held
 * with the weakest lock, as pg_dump does, so that none is dropped before it is summed.
 */
export class Snapshot {
  readonly id: string;
  readonly #client: Client;
  readonly #tables: string[];

  private constructor(client: Client, id: string, tables: string[]) {
    this.#client = client;
    this.id = id;
    this.#tables = tables;
  }

  static async open(url: Secret): Promise<Snapshot> {
    const client = await connectPostgres(url, 'drydock db:backup');
    try {
      await client.query(`${SUM_SETTINGS}; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`);
      const { rows } = await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
      const tables = await listTables(client);
      if (tables.length > 0) await client.query(`LOCK TABLE ${tables.join(', ')} IN ACCESS SHARE MODE`);
      return new Snapshot(client, rows[0]?.id ?? '', tables);
    } catch (cause) {
      await client.end();
      throw cannotRead(cause);
    }
  }

  async facts(): Promise<Facts> {
    const { rows } = await this.#client.query<Omit<Facts, 'structure'> & { history: string | null }>(FACTS);
    const [facts] = rows;
    if (!facts) throw new Error('a row of facts');
    const { history, ...rest } = facts;
    const structure = await readStructure(this.#client);
    const head = history
      ? await this.#client.query<{ name: string }>(
          'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1 DESC LIMIT 1',
        )
      : undefined;
    return { ...rest, structure, migrationHead: head?.rows[0]?.name ?? null };
  }

  /** One table after the other. */
  async sums(): Promise<Sums> {
    const tables: TableSum[] = [];
    try {
      for (const name of this.#tables) tables.push(await sumTable(this.#client, name));
      return { tables, largeObjects: await sumLargeObjects(this.#client) };
    } catch (cause) {
      throw cannotRead(cause);
    }
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}

const FACTS = `SELECT current_database() AS database, current_setting('server_version') AS "serverVersion",
    to_regclass('_prisma_migrations')::text AS history,
    (SELECT json_build_object('encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype) FROM pg_database WHERE datname = current_database()) AS locale,
    (SELECT coalesce(json_agg(extname ORDER BY extname), '[]') FROM pg_extension WHERE extname <> 'plpgsql') AS extensions,
    (SELECT coalesce(json_agg(DISTINCT r.rolname), '[]') FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
      WHERE s.refclassid = 'pg_authid'::regclass AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())) AS roles,
    (SELECT coalesce(sum(pg_table_size(c.oid)), 0)::float8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')) AS "tableBytes"`;
