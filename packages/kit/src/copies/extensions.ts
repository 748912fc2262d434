import type { Client } from 'pg';
import { databaseOf, quoteIdentifier as q, withDatabase, withPostgres } from '../postgres.ts';
import type { Secret } from '../secret.ts';
import { createTemplate, currentRole } from './make.ts';
import type { CopySource } from './source.ts';
import { NOT_ALLOWED, sqlStateOf } from './sql-state.ts';

export interface Extension {
  name: string;
  schema: string;
  version: string | null;
}

/** What became of the extensions that a copy needs. */
export interface Provided {
  /** Those that nobody here could make, with the server's reason. */
  lacking: (Extension & { why: string })[];
  /** Those, and before each what it requires: what a template needs. */
  missing: Extension[];
  /** Those of which the copy has another version, or in another schema; as it has them. */
  others: { wanted: Extension; has: Extension }[];
  /** Those that came with the template and were not asked for. */
  extra: Extension[];
}

/** But for plpgsql; those that others need come first. */
export async function readExtensions(client: Client): Promise<Extension[]> {
  const { rows } = await client.query<Extension>(
    `SELECT e.extname AS name, n.nspname AS schema, e.extversion AS version FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname <> 'plpgsql' ORDER BY e.oid`,
  );
  return rows;
}

/**
 * Makes in a copy the extensions that it needs, each by who may: the server is asked by trying, since what needs a superuser
 * differs from one managed server to another. `afresh`: what the operator's role may make is left for migrations to make.
 */
export async function provideExtensions(
  copy: Secret,
  wanted: Extension[],
  { maker }: CopySource,
  { afresh = false }: { afresh?: boolean } = {},
): Promise<Provided> {
  return withPostgres(copy, 'drydock copy', async (client) => {
    const before = await namesOf(client);
    const provided: Provided = { lacking: [], missing: [], others: [], extra: [] };
    const left = afresh ? await makeable(client, wanted) : new Set();
    for (const extension of wanted) {
      if (before.has(extension.name) || left.has(extension.name)) continue;
      const refusal = await makeAs(client, extension, afresh);
      if (refusal === undefined) continue;
      const why = sqlStateOf(refusal) === NOT_ALLOWED && maker ? await makeBy(maker, client, copy, extension) : refusal;
      if (why) provided.lacking.push({ ...extension, why: why.message });
    }
    provided.missing = await withRequired(client, wanted, provided.lacking);
    const has = new Map((await readExtensions(client)).map((extension) => [extension.name, extension]));
    for (const one of wanted) {
      const found = has.get(one.name);
      if (found && (found.schema !== one.schema || (one.version !== null && found.version !== one.version)))
        provided.others.push({ wanted: one, has: found });
    }
    provided.extra = [...has.values()].filter(({ name }) => !wanted.some((one) => one.name === name));
    return provided;
  });
}

/** Those that the role may not make by itself, by what the server says: an untrusted one wants a superuser. */
export async function beyondRole(client: Client, names: string[]): Promise<string[]> {
  const may = await makeable(
    client,
    names.map((name) => ({ name, schema: '', version: null })),
  );
  return names.filter((name) => !may.has(name));
}

/** By what the server says of itself: no trial is needed for these. */
async function makeable(client: Client, wanted: Extension[]): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM pg_available_extension_versions WHERE name = ANY ($1)
        AND (trusted OR NOT superuser OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))`,
    [wanted.map(({ name }) => name)],
  );
  return new Set(rows.map(({ name }) => name));
}

async function withRequired(client: Client, wanted: Extension[], lacking: Extension[]): Promise<Extension[]> {
  const { rows } = await client.query<{ name: string }>(
    `WITH RECURSIVE needed (name) AS (
       SELECT unnest($1::name[]) UNION
       SELECT unnest(v.requires) FROM needed n JOIN pg_available_extension_versions v ON v.name = n.name)
     SELECT name FROM needed`,
    [lacking.map(({ name }) => name)],
  );
  return wanted.filter(({ name }) => rows.some((row) => row.name === name));
}

async function namesOf(client: Client): Promise<Set<string>> {
  return new Set((await readExtensions(client)).map(({ name }) => name));
}

/** Returns why not. */
async function makeAs(client: Client, extension: Extension, undo = false): Promise<Error | undefined> {
  await client.query('BEGIN');
  try {
    await client.query(await creation(client, extension));
    await client.query(undo ? 'ROLLBACK' : 'COMMIT');
    return undefined;
  } catch (error) {
    await client.query('ROLLBACK');
    if (!sqlStateOf(error)) throw error;
    return error as Error;
  }
}

/** The schema is the operator's, as it is where pg_restore makes it; rows and servers of the extension are the operator's to put back. */
async function makeBy(maker: Secret, operator: Client, copy: Secret, extension: Extension): Promise<Error | undefined> {
  const role = await currentRole(operator);
  return withPostgres(withDatabase(maker, databaseOf(copy)), 'drydock copy', async (client) => {
    const refusal = await makeAs(client, extension);
    if (refusal) return refusal;
    const { rows } = await client.query<{ sql: string }>(
      `SELECT format('GRANT ALL ON %s %s TO %I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass, $2::text) AS sql
         FROM pg_extension e JOIN pg_class c ON c.oid = ANY (e.extconfig) WHERE e.extname = $1
       UNION ALL
       SELECT format('GRANT USAGE ON FOREIGN DATA WRAPPER %I TO %I', w.fdwname, $2::text) FROM pg_extension e
         JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e' AND d.classid = 'pg_foreign_data_wrapper'::regclass
         JOIN pg_foreign_data_wrapper w ON w.oid = d.objid WHERE e.extname = $1`,
      [extension.name, role],
    );
    for (const { sql } of rows) await client.query(sql);
    return undefined;
  });
}

/** Of the very version, where the server has it. */
async function creation(client: Client, { name, schema, version }: Extension): Promise<string> {
  const { rows } = await client.query<{ schema: boolean; version: boolean }>(
    `SELECT to_regnamespace(quote_ident($1)) IS NOT NULL AS schema,
            EXISTS (SELECT 1 FROM pg_available_extension_versions WHERE name = $2 AND version = $3) AS version`,
    [schema, name, version],
  );
  return [
    ...(rows[0]?.schema ? [] : [`CREATE SCHEMA ${q(schema)}`]),
    `CREATE EXTENSION ${q(name)} SCHEMA ${q(schema)}${rows[0]?.version ? ` VERSION ${client.escapeLiteral(version ?? '')}` : ''}`,
  ].join(';\n');
}

export interface Dependents {
  /** Tables, qualified and quoted: neither they nor their rows can be in a copy without it. */
  tables: string[];
  /** Everything else, as PostgreSQL calls it. */
  rest: string[];
}

/** What of a database hangs on extensions, and cannot be where they are not. */
export async function dependentsOf(client: Client, extensions: string[]): Promise<Dependents> {
  if (extensions.length === 0) return { tables: [], rest: [] };
  const { rows } = await client.query<{ name: string; table: boolean }>(DEPENDENTS, [extensions]);
  const names = (table: boolean) => rows.filter((row) => row.table === table).map(({ name }) => name);
  return { tables: names(true), rest: names(false) };
}

/** A default, a check and the query of a view are made with their relation. */
const DEPENDENTS = `
  WITH RECURSIVE gone (classid, objid) AS (
    SELECT 'pg_extension'::regclass::oid, oid FROM pg_extension WHERE extname = ANY ($1)
    UNION
    SELECT x.classid, x.objid FROM gone g CROSS JOIN LATERAL (
      SELECT d.classid, d.objid FROM pg_depend d WHERE d.refclassid = g.classid AND d.refobjid = g.objid
      UNION ALL SELECT 'pg_class'::regclass, a.adrelid FROM pg_attrdef a WHERE g.classid = 'pg_attrdef'::regclass AND a.oid = g.objid
      UNION ALL SELECT 'pg_class'::regclass, r.ev_class FROM pg_rewrite r WHERE g.classid = 'pg_rewrite'::regclass AND r.oid = g.objid
      UNION ALL SELECT 'pg_class'::regclass, k.conrelid FROM pg_constraint k
                 WHERE g.classid = 'pg_constraint'::regclass AND k.oid = g.objid AND k.contype = 'c' AND k.conrelid <> 0) x)
  SELECT DISTINCT CASE WHEN c.relkind IN ('r', 'p') THEN quote_ident(n.nspname) || '.' || quote_ident(c.relname) ELSE i.type || ' ' || i.identity END AS name,
         coalesce(c.relkind IN ('r', 'p'), false) AS table
    FROM gone g CROSS JOIN LATERAL pg_identify_object(g.classid, g.objid, 0) i
    LEFT JOIN pg_class c ON g.classid = 'pg_class'::regclass AND c.oid = g.objid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE g.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_foreign_server'::regclass)
     AND (c.relkind IS NULL OR c.relkind IN ('r', 'p', 'v', 'm', 'i', 'f'))
     AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = g.classid AND e.objid = g.objid AND e.deptype = 'e')
   ORDER BY 2 DESC, 1`;

/** What to type, once, so that copies have them. `options` as `localeOf` gives them. */
export function extensionAdvice(lacking: Extension[], options: string, { template }: CopySource): string {
  const name = template ?? 'drydock_template';
  const make = lacking.flatMap(({ name: extension, schema, version }) => [
    ...(schema === 'public' || schema === 'pg_catalog'
      ? []
      : [`CREATE SCHEMA IF NOT EXISTS ${q(schema)};`, `GRANT USAGE ON SCHEMA ${q(schema)} TO PUBLIC;`]),
    `CREATE EXTENSION ${q(extension)} SCHEMA ${q(schema)}${version ? ` VERSION '${version.replaceAll("'", "''")}'` : ''};`,
  ]);
  const sql = [...(template ? [] : [createTemplate(name, options)]), `\\c ${q(name)} \\\\`, ...make].join(' ');
  const then = template ? '' : ` Then database.scratch: { template: '${name}' }.`;
  return `As a superuser, once, in psql: ${sql}${then} Or put the URL of a role that may make them into the variable of database.scratch.url.`;
}

/** `vector and 2 more`: at most three by name, or so many. */
export function shortList(names: string[], most = 3): string {
  const [shown, more] = [names.slice(0, most), names.length - most];
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
