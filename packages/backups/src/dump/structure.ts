import { notOfExtension, OURS } from '@drydock/kit/inventory';
import type { Client } from 'pg';

/** How many of each kind of object a database has, but for extensions' and the toolkit's own. */
export type Structure = Record<string, number>;

const QUERY = `
  SELECT CASE c.relkind WHEN 'r' THEN 'tables' WHEN 'p' THEN 'partitioned tables' WHEN 'v' THEN 'views' WHEN 'm' THEN 'materialized views'
              WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'foreign tables' ELSE 'indexes' END AS kind, count(*)::int AS count
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
    LEFT JOIN pg_class t ON t.oid = coalesce(i.indrelid, c.oid)
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'i', 'I') AND ${OURS} AND ${notOfExtension('pg_class', 't')}
     AND (i.indisvalid IS NOT FALSE OR t.relkind = 'p')
   GROUP BY 1
  UNION ALL
  SELECT CASE WHEN k.convalidated THEN 'constraints' ELSE 'constraints not validated' END, count(*)::int
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE k.contype <> 'n' AND ${OURS} GROUP BY 1
  UNION ALL
  SELECT 'functions', count(*)::int FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${OURS} AND ${notOfExtension('pg_proc', 'p')}
  UNION ALL
  SELECT 'triggers', count(*)::int FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT g.tgisinternal AND ${OURS}
  UNION ALL
  SELECT 'policies', count(*)::int FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS}
  UNION ALL
  SELECT 'types', count(*)::int FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype IN ('d', 'e', 'r') AND ${OURS} AND ${notOfExtension('pg_type', 't')}
  UNION ALL
  SELECT 'enum values', count(*)::int FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace WHERE ${OURS}`;

/** In the snapshot of the session. An invalid index is left out: a dump does not bring it back as one. */
export async function readStructure(client: Client): Promise<Structure> {
  const { rows } = await client.query<{ kind: string; count: number }>(QUERY);
  return Object.fromEntries(rows.filter(({ count }) => count > 0).map(({ kind, count }) => [kind, count]));
}
