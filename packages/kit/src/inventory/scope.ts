/** Names that begin so are PostgreSQL's own, those of temporary tables among them: manual, 5.9.5. `drydock` is the toolkit's. */
export const OURS = `n.nspname NOT IN ('information_schema', 'drydock') AND n.nspname !~ '^pg_'`;
/** Prisma's own. */
export const NOT_HISTORY = `c.relname <> '_prisma_migrations'`;
/** Of what has no schema: the numbers below are those of initdb. */
export const NOT_BUILT_IN = (alias: string) => `${alias}.oid >= 16384`;

/** What an extension brought is the extension's. */
export function notOfExtension(catalog: string, alias: string): string {
  return `NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = '${catalog}'::regclass AND x.objid = ${alias}.oid AND x.deptype = 'e')`;
}

/** Nor is what PostgreSQL makes with another thing, as the functions of a range type. */
export function madeByItself(catalog: string, alias: string): string {
  return notOfExtension(catalog, alias).replace("= 'e'", "IN ('e', 'i')");
}

/**
 * A kind of object: how it is called, what it is, whether it is in force; and whose it is and who may what with it (`letter` as
 * `acldefault` takes it), where it has that.
 */
export interface Kind {
  key: string;
  definition: string;
  valid?: string;
  owner?: string;
  /** Whether its owner is told: that of a column's sequence is its table's. */
  told?: string;
  acl?: string;
  letter?: string;
  from: string;
}

export function selectOf({ key, definition, valid, owner, told, acl, letter, from }: Kind): string {
  return `SELECT ${key} AS key, ${definition} AS definition, ${valid ?? 'true'} AS valid, ${owner ?? 'NULL::oid'} AS owner, ${told ?? 'true'} AS told, ${acl ?? 'NULL::aclitem[]'} AS acl, ${
    letter ?? 'NULL::"char"'
  } AS letter FROM ${from}`;
}
