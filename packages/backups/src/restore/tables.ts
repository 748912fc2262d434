import { closest, OpsError, shortList } from '@drydock/kit';
import { nameOf } from '../archive/parts.ts';
import type { TocObject } from '../archive/toc.ts';
import type { TableName } from './pg-restore.ts';

/** `Job`, `shop.Job`, `"Odd one"."a.b"`, or a name with a dot in it: whichever of them is a table of the backup. */
export function chooseTable(wanted: string, objects: TocObject[]): TocObject {
  const tables = objects.filter(({ kind }) => kind === 'TABLE');
  const [first, ...others] = matching(wanted, tables);
  if (first && others.length === 0) return first;
  const theirs = tables.filter(({ schema }) => schema !== 'drydock');
  const has = `The backup has ${shortList(theirs.map(nameOf), 20)}.`;
  if (first)
    throw new OpsError({
      code: 'TABLE_AMBIGUOUS',
      message: `The backup has several tables ${wanted}: ${[first, ...others].map(nameOf).join(', ')}.`,
      hint: `Say which: --table ${nameOf(first)}`,
    });
  const [other] = matching(
    wanted,
    objects.filter(({ kind }) => /^(VIEW|MATERIALIZED VIEW|FOREIGN TABLE|SEQUENCE)$/.test(kind)),
  );
  const near = closest(
    wanted,
    theirs.flatMap((table) => [nameOf(table), table.name]),
  );
  throw new OpsError({
    code: 'TABLE_NOT_IN_BACKUP',
    message: `The backup has no table ${wanted}${other ? `: ${nameOf(other)} is a ${other.kind.toLowerCase()}` : ''}.`,
    hint: near === undefined ? has : `Did you mean --table ${near}? ${has}`,
  });
}

function matching(wanted: string, objects: TocObject[]): TocObject[] {
  for (const { schema, name } of readingsOf(wanted)) {
    const found = objects.filter((one) => one.name === name && (schema === undefined || one.schema === schema));
    if (found.length > 0) return found;
  }
  return [];
}

/** Where the first dot may end a schema; whole, where it may be a part of the name. */
export function readingsOf(wanted: string): TableName[] {
  const dots = [...wanted.matchAll(/\./g)].map(({ index }) => index);
  const split = dots.map((dot) => ({ schema: unquoted(wanted.slice(0, dot)), name: unquoted(wanted.slice(dot + 1)) }));
  return [...split, { schema: undefined, name: unquoted(wanted) }];
}

function unquoted(name: string): string {
  return /^".*"$/s.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name;
}
