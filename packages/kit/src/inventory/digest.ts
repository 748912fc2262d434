import { createHash } from 'node:crypto';
import { aboutWhat, holderOf, WITHIN } from './compare.ts';
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
  return hashed(inventory, (_, kind) => kind, 16);
}

/** Of each thing that has a name (`public.Job` with its columns, `public.Job_idx`) a hash, and one more over whose it is and who may what with it. */
export function thingsOf(inventory: Inventory): Record<string, string> {
  const [things, access] = [
    hashed(inventory, (key, kind) => (isAccess(kind) ? undefined : thingOf(key)), 8),
    hashed(inventory, (key, kind) => (isAccess(kind) ? thingOf(key) : undefined), 8),
  ].map((each) => new Map(Object.entries(each)));
  const names = [...new Set([...(things?.keys() ?? []), ...(access?.keys() ?? [])])].sort();
  return Object.fromEntries(names.map((name) => [name, `${things?.get(name) ?? ''}:${access?.get(name) ?? ''}`]));
}

/** Names of things that `thingsOf` tells apart. `definitions`: also those that are in both; `access`: also by whose they are and who may what. */
export function differingThings(
  first: Record<string, string>,
  second: Record<string, string>,
  { definitions, access }: { definitions: boolean; access: boolean },
): string[] {
  const there = new Map(Object.entries(second));
  const seen = (digest: string) => (access ? digest : digest.split(':')[0]);
  const changed = Object.entries(first).filter(([name, digest]) => {
    const other = there.get(name);
    return other === undefined || (definitions && seen(other) !== seen(digest));
  });
  const known = new Set(Object.keys(first));
  return [
    ...new Set([...changed.map(([name]) => name), ...[...there.keys()].filter((name) => !known.has(name))]),
  ].sort();
}

function hashed(
  inventory: Inventory,
  by: (key: string, kind: string) => string | undefined,
  length: number,
): Record<string, string> {
  const hashes = new Map<string, ReturnType<typeof createHash>>();
  for (const [key, { definition, valid }] of inventory) {
    const kind = KINDS.exec(key)?.[1];
    if (kind === undefined || (kind === 'index' && !valid)) continue;
    if (isAccess(kind) && !isOwned(aboutWhat(key), inventory)) continue;
    const name = by(key, kind);
    if (name === undefined) continue;
    const hash = hashes.get(name) ?? createHash('sha256');
    hashes.set(name, hash.update(JSON.stringify([key, definition, valid])));
  }
  return Object.fromEntries([...hashes].map(([name, hash]) => [name, hash.digest('hex').slice(0, length)]));
}

/** What has a name of its own: of a column its table, of an owner what is owned. */
function thingOf(key: string): string {
  const about = aboutWhat(key);
  if (about !== undefined) return thingOf(about);
  return WITHIN.test(key) ? holderOf(key) : key.replace(KINDS, '');
}

/** Whether a kind says whose things are and who may what: a restore may leave that out. */
export function isAccess(kind: string): boolean {
  return kind === 'owner of' || kind === 'right of';
}

/** What PostgreSQL and extensions made has its rights from elsewhere. */
function isOwned(key: string | undefined, inventory: Inventory): boolean {
  return key !== undefined && OWNED.test(key) && inventory.has(key);
}
