import { createHash } from 'node:crypto';
import { aboutWhat } from './compare.ts';
import type { Inventory } from './read.ts';

/** Kinds of what is made with a dump, whoever restores it; the rest is the server's, or of whoever runs it. */
const KINDS =
  /^(table|view|materialized view|sequence|column|index|constraint|trigger|rule|policy|statistics|type|enum value|function|schema|operator|cast|collation|text search configuration|text search dictionary|settings of column|options of|order of type|firing of trigger|firing of rule|owner of|right of) /;
const OWNED = /^(table|view|materialized view|sequence|column|function|type) /;

/**
 * Of each kind of object a hash over all of them, to compare a database with one that was restored from it: on servers of the same major
 * version. An index that is not valid is left out: a dump does not bring it back as one.
 */
export function digestsOf(inventory: Inventory): Record<string, string> {
  const hashes = new Map<string, ReturnType<typeof createHash>>();
  for (const [key, { definition, valid }] of inventory) {
    const kind = KINDS.exec(key)?.[1];
    if (kind === undefined || (kind === 'index' && !valid)) continue;
    if (isAccess(kind) && !isOwned(aboutWhat(key), inventory)) continue;
    const hash = hashes.get(kind) ?? createHash('sha256');
    hashes.set(kind, hash.update(JSON.stringify([key, definition, valid])));
  }
  return Object.fromEntries([...hashes].map(([kind, hash]) => [kind, hash.digest('hex').slice(0, 16)]));
}

/** Whether a kind says whose things are and who may what: a restore may leave that out. */
export function isAccess(kind: string): boolean {
  return kind === 'owner of' || kind === 'right of';
}

/** What PostgreSQL and extensions made has its rights from elsewhere. */
function isOwned(key: string | undefined, inventory: Inventory): boolean {
  return key !== undefined && OWNED.test(key) && inventory.has(key);
}
