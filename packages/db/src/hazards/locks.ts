import type { Raw } from '../migrations/note.ts';
import { blockedBy } from '../seen/sight.ts';
import { isSlow } from './statements.ts';
import type { Rule, Situation } from './types.ts';

/** Locks of a table with rows that others wait for, held until the migration commits. */
function blocking({
  observed,
  together,
}: Pick<Situation, 'observed' | 'together'>): { relation: string; mode: string }[] {
  return together ? observed.locks.filter(({ mode }) => blockedBy(mode)) : [];
}

export const lockThenMoreRule: Rule = (situation) => {
  const [lock] = withRows(situation);
  if (!lock) return [];
  const later = situation.all.slice(situation.index + 1).find(isSlow);
  if (!later) return [];
  return [
    {
      level: 'warn',
      code: 'LOCK_THEN_MORE',
      message: `blocks ${blockedBy(lock.mode)} of ${lock.relation} until the migration commits, with line ${later.statement.line} still to come`,
      hint: 'Put what follows into a migration of its own: each commits by itself.',
    },
  ];
};

/** Told at the statement that takes the second. One statement that needs two tables (a foreign key) takes them at once. */
export const twoTablesRule: Rule = (situation) => {
  // Asked first: few statements take one, and a file may have a hundred thousand.
  const taken = exclusive(situation);
  if (taken.length === 0) return [];
  const before = situation.all.slice(0, situation.index).flatMap((witness) => exclusive({ ...situation, ...witness }));
  const second = taken.find((relation) => !before.includes(relation));
  if (!second || before.length === 0) return [];
  return [
    {
      level: 'warn',
      code: 'TWO_TABLES_LOCKED',
      message: `locks ${second} while ${[...new Set(before)].join(', ')} is still locked: a session that uses them the other way round deadlocks with it`,
      hint: 'One table a migration.',
    },
  ];
};

/** Once a migration, at the first statement that others would queue behind. */
export const noLockTimeoutRule: Rule = (situation) => {
  const { all, index } = situation;
  const [lock] = withRows(situation);
  if (!lock || all.slice(0, index).some((witness) => withRows({ ...situation, ...witness }).length > 0)) return [];
  if (all.slice(0, index).some(({ statement }) => statement.node.VariableSetStmt?.name === 'lock_timeout')) return [];
  const found: Raw = {
    level: 'info',
    code: 'NO_LOCK_TIMEOUT',
    message: `waits for ${lock.relation} without a lock_timeout of its own; db:deploy sets one, another tool would let everybody queue behind it`,
  };
  return [found];
};

function exclusive(situation: Situation): string[] {
  return withRows(situation)
    .filter(({ mode }) => mode === 'AccessExclusiveLock')
    .map(({ relation }) => relation);
}

function withRows(situation: Situation): { relation: string; mode: string }[] {
  return blocking(situation).filter(({ relation }) => situation.rowsOf(relation) > 0);
}
