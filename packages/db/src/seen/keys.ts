import { OURS } from '@drydock/kit/inventory';
import type { Client } from 'pg';

/** A constraint of the copy that is not as it should stay. */
export interface Unsettled {
  oid: number;
  /** Left NOT VALID; or a foreign key whose columns no index of all rows begins with. */
  what: 'invalid' | 'unindexed';
  name: string;
  /** As PostgreSQL names it, and by its schema and name. */
  label: string;
  schema: string;
  table: string;
  columns: string[];
  kind: string;
}

/**
 * What a constraint has for its partitions is PostgreSQL's own, and one that is NOT ENFORCED (18) has nothing to be validated: neither counts.
 */
export async function readUnsettled(client: Client): Promise<Unsettled[]> {
  const { rows } = await client.query<Unsettled>(
    `SELECT k.oid::int8::float8 AS oid, what.what, k.conname AS name, c.oid::regclass::text AS label, n.nspname AS schema, c.relname AS table, c.relkind AS kind,
            ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(n, at) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.at) AS columns
       FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
            LATERAL (SELECT 'invalid' AS what WHERE NOT k.convalidated AND coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
                     UNION ALL
                     SELECT 'unindexed' WHERE k.contype = 'f' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL AND i.indisvalid
                        AND i.indnkeyatts >= cardinality(k.conkey) AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] <@ k.conkey)) AS what
      WHERE k.conparentid = 0 AND ${OURS} AND c.relname <> '_prisma_migrations' ORDER BY k.oid`,
  );
  return rows;
}
