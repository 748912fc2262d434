import { command, type Finding, hint } from '@drydock/kit';
import type { Target } from '../target.ts';
import type { DriftItem } from './items.ts';

/** Told by name; `db:drift` tells the rest. */
const TOLD = 5;

const SUBJECTS = {
  now: 'The database is not',
  since: 'Since the last deploy the database is no longer',
  made: 'After all migrations the database would not be',
  before: 'As before, the database would not be',
};

/** What is told apart from one look to the next. */
export function driftKey({ way, key, aspect }: DriftItem): string {
  return `${way} ${key}${aspect ? ` (${aspect})` : ''}`;
}

/** Every sentence on drift: as it is `now`, what of it is new `since` our last deploy; after all that is pending, what that has `made` and what was there `before`. */
export function driftFinding(
  items: DriftItem[],
  level: Finding['level'],
  target: Pick<Target, 'env' | 'developers'>,
  when: keyof typeof SUBJECTS = 'now',
): Finding {
  const then = when === 'made' || when === 'before';
  const verbs = then ? ['would lack', 'would have', 'would differ'] : ['lacks', 'has', 'differs'];
  const told = [
    ...group(items, 'lacks').map((names) => `${verbs[0]} ${names}`),
    ...group(items, 'extra').map((names) => `${verbs[1]} too much: ${names}`),
    ...group(items, 'differs').map((names) => `${verbs[2]} in ${names}`),
  ].join('; it ');
  const see = command('db:drift', { env: target.env });
  const mend = command('db:dev', { env: target.developers, name: 'NAME' });
  return {
    level,
    code: 'DRIFT',
    message: `${SUBJECTS[when]} what the Prisma schema says: it ${told}.`,
    hint:
      when === 'made'
        ? hint`Make a migration of it: ${mend}   Or take it on: --accept DRIFT   For good: database.hazards: { DRIFT: 'warn' }`
        : when === 'since'
          ? hint`As SQL: ${see}   Who did it: ${command('ops:log', { env: target.env })}   To take it as it is: ${command('db:deploy', { env: target.env })}`
          : hint`As SQL: ${see}   If the schema is right, make a migration of it: ${mend}`,
  };
}

function group(items: DriftItem[], way: DriftItem['way']): string[] {
  const aspects = new Map<string, string[]>();
  for (const item of items.filter((one) => one.way === way))
    aspects.set(item.key, [...(aspects.get(item.key) ?? []), ...(item.aspect ? [item.aspect] : [])]);
  const names = [...aspects].map(([key, of]) => `${key}${of.length > 0 ? ` (${[...new Set(of)].join(', ')})` : ''}`);
  if (names.length === 0) return [];
  const more = names.length > TOLD ? ` and ${names.length - TOLD} more` : '';
  return [`${names.slice(0, TOLD).join(', ')}${more}`];
}
