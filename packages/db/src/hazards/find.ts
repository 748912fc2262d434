import { OPERATORS } from '../codes.ts';
import type { Migration } from '../migrations/folder.ts';
import type { Raw } from '../migrations/note.ts';
import type { Table } from '../seen/tables.ts';
import type { Witness } from '../seen/types.ts';
import { columnRules, typeRules } from './columns.ts';
import { constraintRules } from './constraints.ts';
import { readIgnores } from './ignore.ts';
import { lockThenMoreRule, noLockTimeoutRule, twoTablesRule } from './locks.ts';
import { writeSql } from './nodes.ts';
import { changeRule, concurrentlyRule, indexRule, lockTimeoutRule } from './statements.ts';
import type { Hazard, Limits, Rule } from './types.ts';

const RULES: Rule[] = [
  columnRules,
  constraintRules,
  indexRule,
  changeRule,
  concurrentlyRule,
  lockThenMoreRule,
  twoTablesRule,
  lockTimeoutRule,
  noLockTimeoutRule,
  typeRules,
];

export interface Found {
  hazards: Hazard[];
  /** Set aside by a comment with a reason. */
  ignored: { code: string; migration: string; line: number; reason: string }[];
}

/** What one rehearsed migration would do to those who use the database meanwhile. */
export async function findHazards(
  migration: Migration,
  all: Witness[],
  tables: Table[],
  config: Limits,
  more: { at: number; raw: Raw }[] = [],
): Promise<Found> {
  const rows = new Map(tables.map((table) => [table.label, table.rows]));
  const rowsOf = (label: string) => rows.get(label) ?? 0;
  const found: Found = { hazards: [], ignored: [] };
  if (all.length === 0) {
    // A file of BEGIN and COMMIT alone has no statement to tell it at.
    for (const { raw } of more) found.hazards.push(await place(raw, migration, 1));
    if (more.length === 0) found.hazards.push(emptyMigration(migration));
  }
  for (const [index, witness] of all.entries()) {
    const { comments, line } = witness.statement;
    const { codes, faults } = readIgnores(comments);
    const raws = [
      ...RULES.flatMap((rule) => rule({ ...witness, all, index, limits: config, rowsOf })),
      ...more.filter(({ at }) => at === index).map(({ raw }) => raw),
      ...faults.map((message): Raw => ({ level: 'warn', code: 'IGNORE_WITHOUT_REASON', message })),
    ];
    for (const raw of raws) {
      const reason = codes.get(raw.code);
      if (reason && !OPERATORS.has(raw.code))
        found.ignored.push({ code: raw.code, migration: migration.name, line, reason });
      else if (reason) found.hazards.push(await place(notWaived(raw, reason), migration, line));
      else found.hazards.push(await place(raw, migration, line));
    }
  }
  return found;
}

/** What its author says of it is told, and counts for nothing. */
function notWaived(raw: Raw, reason: string): Raw {
  const message = `${raw.message}; the file's own drydock:ignore ("${reason}") does not waive that, the operator does`;
  return { ...raw, message };
}

async function place(
  { level, code, message, hint, recipe }: Raw,
  { name, file }: Migration,
  line: number,
): Promise<Hazard> {
  return {
    level,
    code,
    message: `${name}:${line} ${message}.`,
    ...(hint ? { hint } : {}),
    migration: name,
    file,
    line,
    ...(recipe ? { recipe: await writeSql(recipe) } : {}),
  };
}

function emptyMigration({ name, file }: Migration): Hazard {
  return {
    level: 'info',
    code: 'EMPTY_MIGRATION',
    message: `${name} has no statement; it is recorded, and nothing changes.`,
    migration: name,
    file,
    line: 1,
  };
}
