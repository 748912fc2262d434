import type { Finding } from '@drydock/kit';
import type { ObservedMigration } from './observe.ts';

/** What a lock keeps others from: PostgreSQL manual, table 13.2. Weaker locks block no ordinary query. */
export function blockedBy(mode: string): string | undefined {
  if (mode === 'AccessExclusiveLock') return 'reads and writes';
  if (['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock'].includes(mode)) return 'writes';
  return undefined;
}

/**
 * What the rehearsal saw that would hurt on a table with rows. A lock alone is no hazard (it is asked for with a
 * time-out); one held while rows are rewritten, or while an index is built over them, is.
 */
export function findHazards(migrations: ObservedMigration[], rowsOf: ReadonlyMap<string, number>): Finding[] {
  const rows = (relation: string) => rowsOf.get(relation) ?? 0;
  return migrations.flatMap(({ name, statements }) =>
    statements.flatMap(({ line, locks, rewritten, sql }): Finding[] => [
      ...rewritten
        .filter((relation) => rows(relation) > 0)
        .map(
          (relation): Finding => ({
            level: 'warn',
            code: 'REWRITES_TABLE',
            message: `${name}:${line} writes all rows of ${relation} anew (about ${rows(relation)}) and blocks reads and writes of it meanwhile.`,
            hint: 'Add a new column, fill it in batches, and switch over in a later release.',
          }),
        ),
      ...locks
        .filter(
          ({ relation, mode }) =>
            mode === 'ShareLock' && rows(relation) > 0 && /^create\s+(unique\s+)?index/i.test(sql),
        )
        .map(
          ({ relation }): Finding => ({
            level: 'warn',
            code: 'INDEX_NOT_CONCURRENT',
            message: `${name}:${line} blocks writes of ${relation} (about ${rows(relation)} rows) while the index is built.`,
            hint: 'CREATE INDEX CONCURRENTLY, alone in a migration of its own.',
          }),
        ),
    ]),
  );
}
