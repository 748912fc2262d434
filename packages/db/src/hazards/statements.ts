import type { Node } from '../migrations/statements.ts';
import type { Witness } from '../seen/types.ts';
import { about, type Rule, weigh } from './types.ts';

export const indexRule: Rule = (situation) => {
  const { IndexStmt } = situation.statement.node;
  const table = situation.tableOf(IndexStmt?.relation);
  const level = table && !IndexStmt?.concurrent ? weigh(table, situation) : undefined;
  if (!level || !table || !IndexStmt) return [];
  return [
    {
      level,
      code: 'INDEX_NOT_CONCURRENT',
      message: `blocks writes of ${table.label} (${about(table.rows)}) while the index is built`,
      hint: 'CONCURRENTLY, alone in a migration of its own.',
      recipe: [{ IndexStmt: { ...IndexStmt, concurrent: true } }],
    },
  ];
};

/** Rows that one UPDATE or DELETE may change in a deploy before it should be a batch job. */
const MANY_ROWS = 10_000;

export const changeRule: Rule = (situation) => {
  const { UpdateStmt, DeleteStmt } = situation.statement.node;
  const change = UpdateStmt ?? DeleteStmt;
  const table = situation.tableOf(change?.relation);
  if (!change || !table || table.rows === 0) return [];
  const touched = situation.observed.touched.find(({ relation }) => relation === table.label)?.rows ?? 0;
  if (change.whereClause && touched < MANY_ROWS) return [];
  const rows = Math.max(touched, change.whereClause ? 0 : table.rows);
  return [
    {
      level: rows >= situation.limits.largeTableRows ? 'error' : 'warn',
      code: 'UNBOUNDED_CHANGE',
      message: `${UpdateStmt ? 'updates' : 'deletes'} ${change.whereClause ? '' : 'all '}rows of ${table.label} (${about(rows)}) in one transaction and keeps their locks until it ends`,
      hint: 'Change rows in batches of a few thousand, each committed, by a job outside the migration.',
    },
  ];
};

export const concurrentlyRule: Rule = ({ statement, all }) => {
  if (!statement.concurrent || all.length < 2) return [];
  return [
    {
      level: 'warn',
      code: 'CONCURRENTLY_NOT_ALONE',
      message: "stands in one file with other statements: db:deploy applies it in pieces, Prisma's own CLI cannot",
      hint: 'Give it a migration of its own.',
    },
  ];
};

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

/** A statement that takes long on the copy is slow, whatever its kind. */
const SLOW_MS = 100;

/** Whether it reads or writes the rows of a table that has some, or took long. */
export function isSlow({ statement, tableOf, observed }: Witness): boolean {
  const { UpdateStmt, DeleteStmt, IndexStmt, AlterTableStmt } = statement.node;
  const validates = ((AlterTableStmt?.cmds ?? []) as Node[]).some(
    ({ AlterTableCmd: cmd }) => cmd?.subtype === 'AT_ValidateConstraint',
  );
  const relation = (UpdateStmt ?? DeleteStmt ?? IndexStmt ?? (validates ? AlterTableStmt : undefined))?.relation;
  return (tableOf(relation)?.rows ?? 0) > 0 || observed.touched.length > 0 || observed.durationMs >= SLOW_MS;
}
