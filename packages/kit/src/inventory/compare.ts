import { createHash } from 'node:crypto';
import type { Inventory, Item } from './read.ts';

export interface Difference {
  /** In the second only, in the first only, in both but not the same. */
  added: string[];
  lost: string[];
  changed: string[];
}

/** Equal for databases of equal structure. */
export function hashInventory(inventory: Inventory): string {
  return createHash('sha256')
    .update(JSON.stringify([...inventory]))
    .digest('hex');
}

/**
 * What is not the same. A name that PostgreSQL made may be another one where the same was made at another time: that is no difference,
 * unless `names` count.
 */
export function compareInventories(first: Inventory, second: Inventory, { names = false } = {}): Difference {
  const differs = ([key, { definition, valid }]: [string, Item]) => {
    const other = second.get(key);
    return other !== undefined && (other.definition !== definition || other.valid !== valid);
  };
  const added = [...second.keys()].filter((key) => !first.has(key));
  const lost = [...first.keys()].filter((key) => !second.has(key));
  const changed = [...first].filter(differs).map(([key]) => key);
  const { pairs } = names ? { pairs: new Map() } : samePairs(first, lost, second, added);
  const renamed = new Set(pairs.values());
  return sayOnce({
    added: added.filter((key) => !renamed.has(key)),
    lost: lost.filter((key) => !pairs.has(key)),
    changed,
  });
}

/** As PostgreSQL names what was given no name: index names and constraint names, with a number where one was taken. */
const MADE = /^(constraint|index|statistics) (.*)_(check|fkey|key|pkey|excl|not_null|idx|stat)\d*$/s;
const NAME_IN_INDEX = /^(CREATE (?:UNIQUE )?INDEX )("(?:[^"]|"")+"|\S+)( ON )/;
const NAME_IN_STATISTICS = /^(CREATE STATISTICS )(\S+|"(?:[^"]|"")+"\."(?:[^"]|"")+")( )/;

function samePairs(
  first: Inventory,
  lost: string[],
  second: Inventory,
  added: string[],
): { pairs: Map<string, string> } {
  const pairs = new Map<string, string>();
  const free = new Map<string, string[]>();
  const put = (key: string) => {
    const sign = signOf(key, second.get(key));
    if (sign !== undefined) free.set(sign, [...(free.get(sign) ?? []), key]);
  };
  for (const key of added) put(key);
  for (const key of lost) {
    const sign = signOf(key, first.get(key));
    const other = sign === undefined ? undefined : free.get(sign)?.shift();
    if (other !== undefined) pairs.set(key, other);
  }
  return { pairs };
}

/** All of a thing but the name that PostgreSQL made for it; undefined where somebody named it. */
function signOf(key: string, item: Item | undefined): string | undefined {
  const [, kind = '', name = '', suffix = ''] = MADE.exec(key) ?? [];
  if (!kind || !item) return undefined;
  // `public.Job.Job_a` of a constraint, `public.Job_a` of an index, whose definition has the table.
  const on = kind === 'constraint' ? name.slice(0, name.lastIndexOf('.')) : name.slice(0, name.indexOf('.'));
  const definition = item.definition.replace(NAME_IN_INDEX, '$1$3').replace(NAME_IN_STATISTICS, '$1$3');
  return JSON.stringify([kind, on, suffix, definition, item.valid]);
}

/** A value of an enum that is new or gone changes the order of the others: that is told by the value. */
function sayOnce({ added, lost, changed }: Difference): Difference {
  const values = [...added, ...lost].filter((key) => key.startsWith('enum value '));
  const told = (key: string) =>
    values.some((value) => value.startsWith(`enum value ${key.slice('order of type '.length)}.`));
  return { added, lost, changed: changed.filter((key) => !key.startsWith('order of type ') || !told(key)) };
}

/** Of what came or went with another thing nothing is told: a table takes its columns with it. */
export function outermost({ added, lost, changed }: Difference): Difference {
  return { added: withoutParts(added), lost: withoutParts(lost), changed };
}

function withoutParts(keys: string[]): string[] {
  const there = new Set(keys);
  const names = new Set(keys.filter((key) => HOLDERS.test(key)).map((key) => key.replace(HOLDERS, '')));
  const isPart = (key: string): boolean => {
    const about = aboutWhat(key);
    return about === undefined ? WITHIN.test(key) && names.has(holderOf(key)) : there.has(about) || isPart(about);
  };
  return keys.filter((key) => !isPart(key));
}

/** The key of what is spoken of: of `owner of table public.Job` that of the table. */
export function aboutWhat(key: string): string | undefined {
  return ABOUT.exec(key)?.[1];
}

/** Whether a key is of something that is said of another thing: its owner, a right on it. */
export function isAbout(key: string): boolean {
  return aboutWhat(key) !== undefined;
}

const HOLDERS = /^(table|view|materialized view|type|schema) /;
/** What is a part of another thing. */
export const WITHIN = /^(column|constraint|trigger|rule|policy|enum value) /;
/** `owner of table public.Job`: said of another thing. */
const ABOUT = /^(?:owner of|right of .+? on|options of|settings of|firing of|order of|version of) (.*)$/s;

/** `column public.Job.title` → `public.Job` */
export function holderOf(key: string): string {
  const name = key.replace(/^(column|constraint|trigger|rule|policy|enum value|foreign table) /, '');
  return name.slice(0, name.lastIndexOf('.'));
}
