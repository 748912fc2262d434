import type { Client } from 'pg';
import type { DriftItem, Labels } from './items.ts';

/** What the catalogue of a database says of the things that a difference names. */
export interface Catalogue {
  labels: Labels;
  /** Why the Prisma schema cannot say an index, by its key. */
  unsayable: ReadonlyMap<string, string>;
  /** Tables of two columns A and B that a unique index keeps in pairs. */
  pairs: ReadonlyMap<string, string>;
  /** Tables whose primary key is one of periods (WITHOUT OVERLAPS). */
  periods: ReadonlySet<string>;
}

export async function readCatalogue(client: Client): Promise<Catalogue> {
  const enums = await client.query<{ key: string; labels: string[] }>(
    `SELECT n.nspname || '.' || t.typname AS key, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS labels
       FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
      GROUP BY 1`,
  );
  const indexes = await client.query<{ key: string; why: string }>(
    `SELECT 'index ' || n.nspname || '.' || c.relname AS key, concat_ws(', ',
              CASE WHEN m.amname <> 'btree' THEN m.amname END,
              CASE WHEN i.indpred IS NOT NULL THEN 'of some rows' END,
              CASE WHEN i.indexprs IS NOT NULL THEN 'of an expression' END,
              CASE WHEN i.indnkeyatts < i.indnatts THEN 'INCLUDE' END,
              CASE WHEN m.amname = 'btree' AND EXISTS (SELECT FROM unnest(i.indclass::oid[]) o JOIN pg_catalog.pg_opclass p ON p.oid = o AND NOT p.opcdefault) THEN 'an operator class' END,
              CASE WHEN EXISTS (SELECT FROM unnest(i.indkey::int2[], i.indcollation::oid[]) k (col, coll)
                                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.col
                                WHERE k.coll <> 0 AND k.coll <> a.attcollation) THEN 'a collation' END,
              CASE WHEN to_jsonb(i) -> 'indnullsnotdistinct' = 'true' THEN 'NULLS NOT DISTINCT' END) AS why
       FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_catalog.pg_am m ON m.oid = c.relam WHERE n.nspname !~ '^pg_'`,
  );
  const pairs = await client.query<{ name: string; index: string }>(
    `SELECT n.nspname || '.' || t.relname AS name, 'index ' || n.nspname || '.' || c.relname AS index
       FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
      WHERE t.relname LIKE '\\_%' AND i.indisunique AND i.indisvalid AND NOT i.indisprimary AND i.indpred IS NULL AND i.indnkeyatts = 2
        AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = t.oid AND a.attnum = ANY (i.indkey::int2[]) AND a.attnotnull) = '{A,B}'`,
  );
  const periods = await client.query<{ name: string }>(
    `SELECT n.nspname || '.' || t.relname AS name
       FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class t ON t.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
      WHERE to_jsonb(k) -> 'conperiod' = 'true'`,
  );
  return {
    labels: new Map(enums.rows.map(({ key, labels }) => [key, labels])),
    unsayable: new Map(indexes.rows.filter(({ why }) => why).map(({ key, why }) => [key, why])),
    pairs: new Map(pairs.rows.map(({ name, index }) => [name, index])),
    periods: new Set(periods.rows.map(({ name }) => name)),
  };
}

/** Why an item is no drift, though the engine of Prisma 7 would change it; undefined where it is. */
export function whyNone({ way, key, columns }: DriftItem, catalogue: Catalogue): string | undefined {
  const why = way === 'extra' ? catalogue.unsayable.get(key) : undefined;
  if (why) return `made by hand, and no plain index (${why}): the Prisma schema does not say it`;
  const pair = [...catalogue.pairs].find(([table, index]) =>
    way === 'extra' ? key === index : key.startsWith(`constraint ${table}.`),
  );
  if (pair && (way === 'extra' || columns?.toSorted().join() === 'A,B'))
    return 'the table of an implicit many-to-many as Prisma 5 and earlier make it: unique by an index, where Prisma 6 and later make a primary key';
  const [, table = ''] = /^constraint (.*)\.[^.]*$/s.exec(key) ?? [];
  if (catalogue.periods.has(table)) return 'WITHOUT OVERLAPS, which the Prisma schema does not say';
  return undefined;
}
