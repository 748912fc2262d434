import type { Client } from 'pg';

/** How many are told by name. */
const TOLD = 5;

const OURS = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;

/** `$1` can, and `$2` cannot. Only what has_*_privilege says: grants, ownership, memberships and PUBLIC alike. */
const MISSING = `
  SELECT format('%s on %s', p, c.oid::regclass) AS what
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
         unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p
   WHERE ${OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege($1::name, c.oid, p) AND NOT has_table_privilege($2::name, c.oid, p)
  UNION ALL
  SELECT format('%s on %s(%s)', p, c.oid::regclass, a.attname)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
         unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) AS p
   WHERE ${OURS} AND a.attacl IS NOT NULL AND NOT a.attisdropped
     AND has_column_privilege($1::name, c.oid, a.attnum, p) AND NOT has_column_privilege($2::name, c.oid, a.attnum, p)
     AND NOT has_table_privilege($1::name, c.oid, p)
  UNION ALL
  SELECT format('%s on sequence %s', p, c.oid::regclass)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, unnest('{USAGE,SELECT,UPDATE}'::text[]) AS p
   WHERE ${OURS} AND c.relkind = 'S' AND has_sequence_privilege($1::name, c.oid, p) AND NOT has_sequence_privilege($2::name, c.oid, p)
  UNION ALL
  SELECT format('EXECUTE on %s', f.oid::regprocedure)
    FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
   WHERE ${OURS} AND has_function_privilege($1::name, f.oid, 'EXECUTE') AND NOT has_function_privilege($2::name, f.oid, 'EXECUTE')
  UNION ALL
  SELECT format('%s on schema %I', p, n.nspname)
    FROM pg_namespace n, unnest('{USAGE,CREATE}'::text[]) AS p
   WHERE ${OURS} AND has_schema_privilege($1::name, n.oid, p) AND NOT has_schema_privilege($2::name, n.oid, p)
  UNION ALL
  SELECT format('%s on database %I', p, d.datname)
    FROM pg_database d, unnest('{CONNECT,CREATE,TEMPORARY}'::text[]) AS p
   WHERE d.datname = current_database() AND has_database_privilege($1::name, d.oid, p) AND NOT has_database_privilege($2::name, d.oid, p)
  UNION ALL
  SELECT format('USAGE on foreign server %I', s.srvname)
    FROM pg_foreign_server s WHERE has_server_privilege($1::name, s.oid, 'USAGE') AND NOT has_server_privilege($2::name, s.oid, 'USAGE')
  UNION ALL
  SELECT format('ownership of %s', c.oid::regclass)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE ${OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND pg_has_role($1::name, c.relowner, 'USAGE') AND NOT pg_has_role($2::name, c.relowner, 'USAGE')
  UNION ALL
  SELECT format('ownership of %s', f.oid::regprocedure)
    FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
   WHERE ${OURS} AND pg_has_role($1::name, f.proowner, 'USAGE') AND NOT pg_has_role($2::name, f.proowner, 'USAGE')
  UNION ALL
  SELECT format('ownership of schema %I', n.nspname)
    FROM pg_namespace n WHERE ${OURS} AND pg_has_role($1::name, n.nspowner, 'USAGE') AND NOT pg_has_role($2::name, n.nspowner, 'USAGE')
  UNION ALL
  SELECT attribute
    FROM pg_roles old, pg_roles new,
         LATERAL (VALUES ('CREATEDB', old.rolcreatedb, new.rolcreatedb), ('CREATEROLE', old.rolcreaterole, new.rolcreaterole),
                         ('BYPASSRLS', old.rolbypassrls, new.rolbypassrls), ('REPLICATION', old.rolreplication, new.rolreplication)) AS a (attribute, had, has)
   WHERE old.rolname = $1 AND new.rolname = $2 AND had AND NOT has AND NOT new.rolsuper
  ORDER BY 1`;

/** What one role may do in this database and another may not: told in part, with the number of all. Empty: nothing. */
export async function rightsMissing(client: Client, { of, to }: { of: string; to: string }): Promise<string> {
  if (of === to) return '';
  const { rows } = await client.query<{ what: string }>(MISSING, [of, to]);
  const told = rows.slice(0, TOLD).map(({ what }) => what);
  return [...told, ...(rows.length > TOLD ? [`${rows.length - TOLD} more`] : [])].join(', ');
}
