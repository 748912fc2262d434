import { randomBytes } from 'node:crypto';
import { databaseOf, quoteIdentifier as q, type Secret, withPostgres, withRole } from '@drydock/kit';
import { notOfExtension } from '@drydock/kit/inventory';
import type { Client } from 'pg';

/**
 * A role for one rehearsal, called like its scratch database, that may log in and own things there, and nothing else: it
 * is a member of no role, so that it reaches no session, database or setting of anybody. Undefined where the operator's
 * role may make none (it needs CREATEROLE), or the server lets it not in.
 */
export async function makeRole(scratch: Secret): Promise<Secret | undefined> {
  const name = databaseOf(scratch);
  const password = randomBytes(24).toString('hex');
  const made = await withPostgres(scratch, 'drydock rehearsal', async (client) => {
    const { rows } = await client.query<{ may: boolean }>(
      'SELECT rolsuper OR rolcreaterole AS may FROM pg_roles WHERE rolname = current_user',
    );
    if (!rows[0]?.may) return false;
    await client.query(
      `CREATE ROLE ${q(name)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '${password}'`,
    );
    // Only who is a member of it may give it something.
    await client.query(`GRANT ${q(name)} TO CURRENT_USER`);
    await client.query(`GRANT CREATE, TEMPORARY ON DATABASE ${q(name)} TO ${q(name)}`);
    return true;
  });
  if (!made) return undefined;
  const own = withRole(scratch, name, password);
  return withPostgres(own, 'drydock rehearsal', async () => own).catch(() => undefined);
}

/** Gives it everything in the scratch database that the operator's role may change. Repeated after more was made. */
export async function handOver(client: Client, name: string): Promise<void> {
  const { rows } = await client.query<{ sql: string }>(
    `
    WITH mine AS (SELECT oid FROM pg_roles WHERE pg_has_role(oid, 'USAGE') AND rolname <> $1),
         schemas AS (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema')
    SELECT 1 AS at, format('ALTER SCHEMA %I OWNER TO %I', nspname, $1::text) AS sql FROM schemas
     WHERE nspowner IN (SELECT oid FROM mine)
    UNION ALL
    SELECT 2, format('ALTER %s %s OWNER TO %I', CASE WHEN c.relkind = 'c' THEN 'TYPE' ELSE 'TABLE' END, c.oid::regclass, $1::text)
      FROM pg_class c JOIN schemas n ON n.oid = c.relnamespace
     WHERE c.relowner IN (SELECT oid FROM mine) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S') AND ${notOfExtension('pg_class', 'c')}
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND c.relkind = 'S' AND d.deptype IN ('a', 'i'))
    UNION ALL
    SELECT 3, format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, $1::text)
      FROM pg_proc p JOIN schemas n ON n.oid = p.pronamespace
     WHERE p.proowner IN (SELECT oid FROM mine) AND p.prokind IN ('f', 'p') AND ${notOfExtension('pg_proc', 'p')}
    UNION ALL
    SELECT 4, format('ALTER TYPE %s OWNER TO %I', t.oid::regtype, $1::text)
      FROM pg_type t JOIN schemas n ON n.oid = t.typnamespace
     WHERE t.typowner IN (SELECT oid FROM mine) AND t.typtype IN ('e', 'd', 'r') AND ${notOfExtension('pg_type', 't')}
    UNION ALL
    SELECT 5, format('ALTER LARGE OBJECT %s OWNER TO %I', oid, $1::text) FROM pg_largeobject_metadata WHERE lomowner IN (SELECT oid FROM mine)
    ORDER BY 1`,
    [name],
  );
  await client.query(['BEGIN', ...rows.map(({ sql }) => sql), 'COMMIT'].join(';\n'));
}
