import type { Raw } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import { blockedBy } from '../seen/sight.ts';
import type { Witness } from '../seen/types.ts';
import { workOf } from './evidence.ts';
import { cmdsOf } from './nodes.ts';
import { about, type Rule, type Situation, weigh } from './types.ts';

/** Statements of the same transaction, by where they stand to this one. */
function sameTransaction({ all, index, transaction }: Situation): { before: Witness[]; after: Witness[] } {
  const same = (witness: Witness) => witness.transaction === transaction && !witness.statement.alone;
  return { before: all.slice(0, index).filter(same), after: all.slice(index + 1).filter(same) };
}

export const lockThenMoreRule: Rule = (situation) => {
  const [lock] = withRows(situation);
  if (!lock || situation.statement.alone) return [];
  const works = sameTransaction(situation).after.map((witness) => ({ witness, ...workOf(witness, situation) }));
  const [heaviest] = works
    .filter(({ rows, long }) => rows > 0 || long)
    .toSorted((a, b) => Number(b.long) - Number(a.long) || b.rows - a.rows);
  if (!heaviest) return [];
  const { witness, rows, long } = heaviest;
  const level = weigh({ rows: Math.max(rows, long ? 1 : 0) }, { ...situation, observed: witness.observed });
  return [
    {
      level: level === 'info' ? 'info' : 'warn',
      code: 'LOCK_THEN_MORE',
      message: `blocks ${blockedBy(lock.mode)} of ${lock.relation} until the migration commits, with line ${witness.statement.line} still to come (${rows > 0 ? about(rows) : `${witness.observed.durationMs} ms`})`,
      hint: 'Put what follows into a migration of its own: each commits by itself.',
    },
  ];
};

/** Told at the statement that takes the second. One statement that needs two tables (a foreign key) takes them at once. */
export const twoTablesRule: Rule = (situation) => {
  // Asked first: few statements take one, and a file may have a hundred thousand.
  const taken = exclusive(situation);
  if (taken.length === 0) return [];
  const before = sameTransaction(situation).before.flatMap((witness) => exclusive({ ...situation, ...witness }));
  const inTurn = alteredInside(situation).filter((label) => taken.includes(label));
  const second = before.length > 0 ? taken.find((relation) => !before.includes(relation)) : inTurn[1];
  if (!second) return [];
  const first = before.length > 0 ? [...new Set(before)] : inTurn.slice(0, 1);
  const rows = Math.max(...[second, ...first].map(situation.rowsOf));
  return [
    {
      level: weigh({ rows }, situation) === 'info' ? 'info' : 'warn',
      code: 'TWO_TABLES_LOCKED',
      message: `locks ${second} while ${first.join(', ')} is still locked: a session that uses them the other way round deadlocks with it`,
      hint: 'One table a migration.',
    },
  ];
};

/** Tables that code alters one after the other. */
function alteredInside({ inner, tableOf }: Situation): string[] {
  const labels = inner.nodes
    .filter((node) => cmdsOf(node).length > 0)
    .map(({ AlterTableStmt }) => tableOf(AlterTableStmt?.relation)?.label);
  return [...new Set(labels)].filter((label) => label !== undefined);
}

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

/** Locks of tables with rows that others wait for. */
function withRows({ observed, rowsOf }: Situation): { relation: string; mode: string }[] {
  return observed.locks.filter(({ relation, mode }) => blockedBy(mode) && rowsOf(relation) > 0);
}

/** `SET lock_timeout` that lets others queue for longer than the configuration allows. */
export const lockTimeoutRule: Rule = ({ statement, limits }) => {
  const set = statement.node.VariableSetStmt;
  if (set?.name?.toLowerCase() !== 'lock_timeout') return [];
  const [value] = (set.args ?? []) as Node[];
  const ms = milliseconds(value?.A_Const?.sval?.sval ?? value?.A_Const?.ival?.ival ?? 0);
  if (ms > 0 && ms <= limits.lockTimeoutMs) return [];
  return [
    {
      level: 'warn',
      code: 'LOCK_TIMEOUT_RAISED',
      message: `lets others queue behind it for ${ms === 0 ? 'ever' : `${ms} ms`}, where ${limits.lockTimeoutMs} ms are allowed`,
      hint: 'Leave it out: db:deploy sets database.lockTimeoutMs and asks again.',
    },
  ];
};

const UNITS: Record<string, number> = { us: 0.001, ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** PostgreSQL manual, 20.1.1: a number alone is in the unit of the parameter, milliseconds here. */
function milliseconds(value: string | number): number {
  const [, amount, unit = 'ms'] = /^\s*([\d.]+)\s*(us|ms|s|min|h|d)?\s*$/.exec(String(value)) ?? [];
  return Number(amount ?? 0) * (UNITS[unit] ?? 1);
}
