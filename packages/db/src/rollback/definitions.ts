import { madeByItself, OURS } from '@drydock/kit/inventory';
import type { Client } from 'pg';
import { RIGHTS } from './rights.ts';

/** How an object that Prisma's engine does not know is made, and how it is dropped: by the key that it has in the inventory. */
export interface Definition {
  /** Undefined where it goes, and comes, with something else. */
  make: string | undefined;
  drop: string;
  /** Makes one that is there, but otherwise, what this one is. */
  alter: string | undefined;
}

export type Definitions = Map<string, Definition>;

const QUERY = `
  SELECT 'schema ' || n.nspname AS key, format('CREATE SCHEMA %I;', n.nspname) AS make, format('DROP SCHEMA %I;', n.nspname) AS drop, NULL AS alter
    FROM pg_namespace n WHERE ${OURS} AND n.nspname <> 'public'
  UNION ALL
  SELECT 'function ' || n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
         CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) || ';' END,
         format('DROP ROUTINE %I.%I(%s);', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
         CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) || ';' END
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${OURS} AND ${madeByItself('pg_proc', 'p')}
  UNION ALL
  SELECT 'trigger ' || n.nspname || '.' || c.relname || '.' || t.tgname,
         pg_get_triggerdef(t.oid) || ';' || CASE t.tgenabled WHEN 'D' THEN format(' ALTER TABLE %I.%I DISABLE TRIGGER %I;', n.nspname, c.relname, t.tgname)
           WHEN 'R' THEN format(' ALTER TABLE %I.%I ENABLE REPLICA TRIGGER %I;', n.nspname, c.relname, t.tgname)
           WHEN 'A' THEN format(' ALTER TABLE %I.%I ENABLE ALWAYS TRIGGER %I;', n.nspname, c.relname, t.tgname) ELSE '' END,
         format('DROP TRIGGER %I ON %I.%I;', t.tgname, n.nspname, c.relname), NULL
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND ${OURS}
  UNION ALL
  SELECT 'policy ' || n.nspname || '.' || c.relname || '.' || p.polname,
         format('CREATE POLICY %I ON %I.%I AS %s FOR %s TO %s%s%s;', p.polname, n.nspname, c.relname,
           CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
           CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
           (SELECT string_agg(CASE WHEN role = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ') FROM unnest(p.polroles) role),
           ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
         format('DROP POLICY %I ON %I.%I;', p.polname, n.nspname, c.relname), NULL
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS}
  UNION ALL
  SELECT CASE c.relkind WHEN 'v' THEN 'view ' ELSE 'materialized view ' END || n.nspname || '.' || c.relname,
         format('CREATE %s %I.%I%s AS %s', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, n.nspname, c.relname,
           ' WITH (' || array_to_string(c.reloptions, ', ') || ')', pg_get_viewdef(c.oid)),
         format('DROP %s %I.%I;', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, n.nspname, c.relname), NULL
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('v', 'm') AND ${OURS} AND ${madeByItself('pg_class', 'c')}
  UNION ALL
  SELECT 'sequence ' || n.nspname || '.' || c.relname,
         format('CREATE SEQUENCE %I.%I AS %s INCREMENT %s MINVALUE %s MAXVALUE %s START %s CACHE %s%s;', n.nspname, c.relname, format_type(s.seqtypid, NULL),
           s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END),
         format('DROP SEQUENCE %I.%I;', n.nspname, c.relname), NULL
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE ${OURS} AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
  UNION ALL
  SELECT 'type ' || n.nspname || '.' || t.typname,
         CASE t.typtype
           WHEN 'd' THEN format('CREATE DOMAIN %I.%I AS %s%s%s%s;', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod),
             ' DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN ' NOT NULL' END,
             (SELECT string_agg(format(' CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), '' ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
           WHEN 'e' THEN format('CREATE TYPE %I.%I AS ENUM (%s);', n.nspname, t.typname,
             (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
           WHEN 'c' THEN format('CREATE TYPE %I.%I AS (%s);', n.nspname, t.typname,
             (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
         END,
         format('DROP TYPE %I.%I;', n.nspname, t.typname), NULL
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
   WHERE (t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c') AND ${OURS} AND ${madeByItself('pg_type', 't')}
  UNION ALL
  SELECT 'table ' || n.nspname || '.' || c.relname, NULL, format('DROP TABLE %I.%I;', n.nspname, c.relname),
         format('ALTER TABLE %1$I.%2$I %3$s ROW LEVEL SECURITY; ALTER TABLE %1$I.%2$I %4$s ROW LEVEL SECURITY;', n.nspname, c.relname,
           CASE WHEN c.relrowsecurity THEN 'ENABLE' ELSE 'DISABLE' END, CASE WHEN c.relforcerowsecurity THEN 'FORCE' ELSE 'NO FORCE' END)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND ${OURS}
  UNION ALL
  SELECT 'constraint ' || n.nspname || '.' || c.relname || '.' || k.conname,
         format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s;', n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)),
         format('ALTER TABLE %I.%I DROP CONSTRAINT %I;', n.nspname, c.relname, k.conname), NULL
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.conparentid = 0 AND ${OURS}
  UNION ALL
  SELECT 'index ' || n.nspname || '.' || c.relname, pg_get_indexdef(c.oid) || ';', format('DROP INDEX %I.%I;', n.nspname, c.relname), NULL
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE ${OURS} AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
  UNION ALL ${RIGHTS}`;

/** What can be made again by the catalogue's own words. Reads only. */
export async function readDefinitions(client: Client): Promise<Definitions> {
  const path = await client.query<{ path: string }>(`SELECT current_setting('search_path') AS path`);
  // Names in full, whatever a session looks through.
  await client.query(`SELECT set_config('search_path', 'pg_catalog', false)`);
  try {
    const { rows } = await client.query<{ key: string; make: string | null; drop: string; alter: string | null }>(
      QUERY,
    );
    return new Map(
      rows.map(({ key, make, drop, alter }) => [key, { make: make ?? undefined, drop, alter: alter ?? undefined }]),
    );
  } finally {
    await client.query(`SELECT set_config('search_path', $1, false)`, [path.rows[0]?.path ?? 'public']);
  }
}
