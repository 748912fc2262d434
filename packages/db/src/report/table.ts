import { shownLine } from '@drydock/kit';
import type { Copy } from '../rehearsal/scratch.ts';
import { blockedBy } from '../seen/sight.ts';
import type { ObservedMigration, ObservedStatement } from '../seen/types.ts';

/** Rows of one migration's table: a statement each. */
export const HEADER = ['line', 'ms', 'statement', 'blocks', 'held ms', 'rows'];

export function statementRow({
  line,
  durationMs,
  sql,
  locks,
  rewritten,
  reindexed,
  touched,
}: ObservedStatement): string[] {
  const blocking = locks.filter(({ mode }) => blockedBy(mode));
  const held = Math.max(0, ...blocking.map(({ heldMs }) => heldMs));
  const rows = touched.reduce((sum, { rows: count }) => sum + count, 0);
  return [
    String(line),
    String(durationMs),
    shorten(sql),
    [
      ...blocking.map(({ mode, relation }) => `${blockedBy(mode)} of ${relation}`),
      ...rewritten.map((relation) => `writes ${relation} anew`),
      ...reindexed.map((relation) => `builds indexes of ${relation} anew`),
    ].join(', ') || '–',
    blocking.length > 0 ? String(held) : '–',
    rows > 0 ? String(rows) : '–',
  ];
}

/** A secret is masked before it is cut: half of one would not be recognised. */
function shorten(sql: string): string {
  const line = shownLine(sql.replaceAll(/\s+/g, ' '));
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

/** The longest time anybody is kept waiting by one migration, and by which. */
export function longestLock(
  migrations: ObservedMigration[],
): { ms: number; relation: string; name: string } | undefined {
  return migrations
    .flatMap(({ name, statements }) =>
      statements.flatMap(({ locks }) =>
        locks.filter(({ mode }) => blockedBy(mode)).map(({ heldMs, relation }) => ({ ms: heldMs, relation, name })),
      ),
    )
    .sort((a, b) => b.ms - a.ms)[0];
}

/** How much a measured time says, by what the copy held. */
const WORTH: Record<Copy, string> = {
  template: 'measured on a whole copy',
  full: 'measured on a whole copy',
  backup: 'measured on the backup',
  sample: 'measured on a sample: the live tables take longer',
  schema: 'measured without rows, so a lower bound: --data full measures it',
  replay: 'measured without rows, so a lower bound',
  empty: 'measured on an empty database',
};

export function lockVerdict(migrations: ObservedMigration[], copy: Copy | undefined): string {
  const longest = longestLock(migrations);
  if (!longest) return 'No lock on an existing table that others would wait for.';
  return `Longest lock about ${longest.ms} ms on ${longest.relation} (${longest.name}), ${WORTH[copy ?? 'empty']}.`;
}
