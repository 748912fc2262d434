import type { Raw } from '../migrations/note.ts';
import { blockedBy } from '../seen/sight.ts';
import { workOf } from './evidence.ts';
import { about, type Situation, weigh } from './types.ts';

/**
 * The general rule: a lock that blocks, on a table with rows, while rows are read or written or for long, whatever statement took it. What a rule
 * that knows the syntax has told of these tables is told already.
 */
export function blockedRule(situation: Situation, told: ReadonlySet<string>): Raw[] {
  const { observed, rowsOf, kindOf, emptied, statement } = situation;
  const gone = new Set(observed.gone);
  const locked = observed.locks.flatMap(({ relation, mode }) => {
    const what = blockedBy(mode);
    // Nobody but a REFRESH writes to a materialized view.
    const blocks = what && !(kindOf(relation) === 'm' && what === 'writes');
    return blocks && rowsOf(relation) > 0 && !told.has(relation) && !gone.has(relation) ? [{ relation, what }] : [];
  });
  const work = workOf(situation, situation);
  const labels = work.labels.filter((label) => !emptied.has(label));
  const [first] = locked;
  if (!first || (labels.length === 0 && !work.long)) return [];
  const reads = locked.some(({ what }) => what === 'reads and writes');
  const most = Math.max(...locked.map(({ relation }) => rowsOf(relation)));
  const level = weigh({ rows: labels.length > 0 ? work.rows : most }, situation);
  if (!level) return [];
  const tables = locked.map(({ relation }) => relation);
  const meanwhile =
    labels.length > 0
      ? `while rows of ${labels.slice(0, 3).join(', ')} are read or written (${about(work.rows)})`
      : `for ${observed.durationMs} ms`;
  return [
    {
      level,
      code: 'TABLE_BLOCKED',
      message: `blocks ${reads ? 'reads and writes' : 'writes'} of ${tables.slice(0, 3).join(', ')}${tables.length > 3 ? ` and ${tables.length - 3} more` : ''} ${meanwhile}`,
      hint: statement.node.AlterDomainStmt
        ? 'PostgreSQL has no way that blocks nobody: check the columns of the large tables by a constraint of each, NOT VALID and then validated.'
        : 'Give what takes the lock and what reads or writes rows a migration each; plain ALTER TABLE and CREATE INDEX are told with the way that blocks nobody.',
      tables,
    },
  ];
}
