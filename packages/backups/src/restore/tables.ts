import { OpsError } from '@drydock/kit';
import type { Head } from './head.ts';
import type { TableName } from './pg-restore.ts';

/** `Job`, `shop.Job`, or a name with a dot in it: whichever of them the backup has rows of. */
export function chooseTable(wanted: string, tables: Head['tables']): TableName {
  const readings = readingsOf(wanted);
  // Of an archive that is not understood it cannot be told.
  if (!tables) return readings[0] as TableName;
  const found = readings.find(({ schema, name }) =>
    tables.some((table) => table.name === name && (schema === undefined || table.schema === schema)),
  );
  if (found) return found;
  const some = tables.slice(0, 10).map(({ schema, name }) => (schema === 'public' ? name : `${schema}.${name}`));
  throw new OpsError({
    code: 'TABLE_NOT_IN_BACKUP',
    message: `The backup has no rows of a table ${wanted}.`,
    hint: `It has ${some.join(', ')}${tables.length > some.length ? ' and more' : ''}; a partitioned table's rows are in its partitions.`,
  });
}

function readingsOf(wanted: string): TableName[] {
  const dots = [...wanted].flatMap((letter, at) => (letter === '.' ? [at] : []));
  const split = dots.map((dot) => ({ schema: unquoted(wanted.slice(0, dot)), name: unquoted(wanted.slice(dot + 1)) }));
  return [...split, { schema: undefined, name: unquoted(wanted) }];
}

function unquoted(name: string): string {
  return /^".*"$/s.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name;
}
