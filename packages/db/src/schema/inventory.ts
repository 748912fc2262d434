import { createHash } from 'node:crypto';
import type { Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { looking } from '../looking.ts';

/** What is in a database, by kind and name: `column public.Job.title` to its definition. */
export type Inventory = Map<string, Item>;

export interface Item {
  definition: string;
  /** An index that is usable, a constraint that was checked against all rows. True for everything else. */
  valid: boolean;
}

/** Names that begin so are PostgreSQL's own, those of temporary tables among them: manual, 5.9.5. */
const SCHEMAS = `n.nspname NOT IN ('information_schema', 'drydock') AND n.nspname !~ '^pg_'`;
/** What an extension brought is the extension's. */
const notOfExtension = (catalog: string, alias: string) =>
  `NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = ${alias}.oid AND d.deptype = 'e')`;
const NOT_HISTORY = `c.relname <> '_prisma_migrations'`;

const QUERY = `
  SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence ' ELSE 'table ' END || n.nspname || '.' || c.relname AS key,
         concat_ws(' ', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, CASE WHEN c.relrowsecurity THEN 'ROW LEVEL SECURITY' END,
                   pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), array_to_string(c.reloptions, ',')) AS definition, true AS valid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ${SCHEMAS} AND ${NOT_HISTORY} AND ${notOfExtension('pg_class', 'c')}
  UNION ALL
  SELECT 'column ' || n.nspname || '.' || c.relname || '.' || a.attname,
         format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
           || coalesce(' DEFAULT ' || pg_get_expr(x.adbin, x.adrelid), '') || CASE WHEN a.attidentity <> '' THEN ' IDENTITY ' || a.attidentity::text ELSE '' END
           || CASE WHEN a.attgenerated <> '' THEN ' GENERATED' ELSE '' END || coalesce(' COLLATE ' || (SELECT l.collname FROM pg_collation l WHERE l.oid = a.attcollation AND l.collname <> 'default'), ''), true
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
   WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${SCHEMAS} AND ${NOT_HISTORY} AND ${notOfExtension('pg_class', 'c')}
  UNION ALL
  SELECT 'index ' || n.nspname || '.' || c.relname, pg_get_indexdef(c.oid), i.indisvalid AND i.indisready
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE ${SCHEMAS} AND t.relname <> '_prisma_migrations' AND ${notOfExtension('pg_class', 't')}
  UNION ALL
  SELECT 'constraint ' || n.nspname || '.' || c.relname || '.' || k.conname, pg_get_constraintdef(k.oid), k.convalidated
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND ${SCHEMAS} AND ${NOT_HISTORY} AND ${notOfExtension('pg_class', 'c')}
  UNION ALL
  SELECT 'enum value ' || n.nspname || '.' || t.typname || '.' || e.enumlabel, '', true
    FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace
   WHERE ${SCHEMAS} AND ${notOfExtension('pg_type', 't')}
  UNION ALL
  SELECT 'function ' || n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', md5(p.prosrc), true
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${SCHEMAS} AND ${notOfExtension('pg_proc', 'p')}
  UNION ALL
  SELECT 'trigger ' || n.nspname || '.' || c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid), t.tgenabled <> 'D'
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT t.tgisinternal AND ${SCHEMAS}
  UNION ALL
  SELECT 'policy ' || n.nspname || '.' || c.relname || '.' || p.polname,
         concat_ws(' ', p.polcmd::text, p.polpermissive::text, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), true
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${SCHEMAS}
  UNION ALL
  SELECT 'type ' || n.nspname || '.' || t.typname, concat_ws(' ', t.typtype::text, CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
         (SELECT string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid)), true
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
   WHERE (t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c') AND ${SCHEMAS} AND ${notOfExtension('pg_type', 't')}
  UNION ALL
  SELECT 'schema ' || n.nspname, '', true FROM pg_namespace n WHERE ${SCHEMAS} AND n.nspname <> 'public' AND ${notOfExtension('pg_namespace', 'n')}
  ORDER BY 1`;

/** Reads only. */
export async function readInventory(client: Client): Promise<Inventory> {
  // The same text whatever a session looks through first.
  const { rows } = await client.query<{ path: string }>(`SELECT current_setting('search_path') AS path`);
  await client.query(`SELECT set_config('search_path', 'pg_catalog', false)`);
  try {
    const found = await client.query<{ key: string } & Item>(QUERY);
    return new Map(found.rows.map(({ key, definition, valid }) => [key, { definition, valid }]));
  } finally {
    await client.query(`SELECT set_config('search_path', $1, false)`, [rows[0]?.path ?? 'public']);
  }
}

/** What migrations make, as a list that can be journalled: key, definition, validity. */
export type Promised = [key: string, definition: string, valid: boolean][];

/** Equal for databases of equal structure. */
export function hashInventory(inventory: Inventory): string {
  return createHash('sha256')
    .update(JSON.stringify([...inventory]))
    .digest('hex');
}

/** Opens a connection for it. */
export async function inventoryOf(url: Secret): Promise<Inventory> {
  return looking(url, 'drydock inventory', async (client) => {
    return await readInventory(client);
  });
}

export interface Difference {
  /** In the second only, in the first only, in both but not the same. */
  added: string[];
  lost: string[];
  changed: string[];
}

export function compareInventories(first: Inventory, second: Inventory): Difference {
  const differs = ([key, { definition, valid }]: [string, Item]) => {
    const other = second.get(key);
    return other !== undefined && (other.definition !== definition || other.valid !== valid);
  };
  return {
    added: [...second.keys()].filter((key) => !first.has(key)),
    lost: [...first.keys()].filter((key) => !second.has(key)),
    changed: [...first].filter(differs).map(([key]) => key),
  };
}
