import { OPERATORS } from '../codes.ts';
import type { Migration } from '../migrations/folder.ts';
import type { Raw } from '../migrations/note.ts';
import type { Table } from '../seen/tables.ts';
import type { Witness } from '../seen/types.ts';
import { alterRule } from './alter.ts';
import { blockedRule } from './blocked.ts';
import { changeRule } from './changes.ts';
import { readIgnores } from './ignore.ts';
import { dropIndexRule, indexRule, reindexRule } from './indexes.ts';
import { typeRules } from './kinds.ts';
import { lockThenMoreRule, lockTimeoutRule, noLockTimeoutRule, twoTablesRule } from './locks.ts';
import { writeSql } from './nodes.ts';
import { partitionRule } from './partitions.ts';
import { rewriteRule } from './rewrites.ts';
import { concurrentlyRule, cutRule } from './statements.ts';
import type { Hazard, Limits, Rule, Situation } from './types.ts';

/** Of each tree: the statement's own, and those of the code that it runs. */
const NAMED: Rule[] = [alterRule, indexRule, reindexRule, dropIndexRule, partitionRule, typeRules];
/** Of the statement as a whole. */
const WHOLE: Rule[] = [
  changeRule,
  concurrentlyRule,
  cutRule,
  lockThenMoreRule,
  twoTablesRule,
  lockTimeoutRule,
  noLockTimeoutRule,
];

export interface Found {
  hazards: Hazard[];
  /** Set aside by a comment with a reason. */
  ignored: { code: string; migration: string; line: number; reason: string }[];
}

/** What one rehearsed migration would do to those who use the database meanwhile. */
export async function findHazards(
  migration: Pick<Migration, 'name' | 'file'>,
  all: Witness[],
  tables: Table[],
  config: Limits,
  more: { at: number; raw: Raw }[] = [],
  emptied: ReadonlySet<string> = new Set(),
): Promise<Found> {
  const byLabel = new Map(tables.map((table) => [table.label, table]));
  const rowsOf = (label: string) => byLabel.get(label)?.rows ?? 0;
  const kindOf = (label: string) => byLabel.get(label)?.kind;
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
      ...judge({
        ...witness,
        ...{ all, index, rowsOf, kindOf, emptied },
        limits: config,
        node: witness.statement.node,
      }),
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

/** First what the syntax names, then what was seen besides. */
function judge(situation: Situation): Raw[] {
  const { statement, inner } = situation;
  const named = [statement.node, ...inner.nodes].flatMap((node) =>
    NAMED.flatMap((rule) => rule({ ...situation, node })),
  );
  const told = new Set(named.flatMap(({ tables = [] }) => tables));
  const rewritten = rewriteRule(situation, told);
  for (const label of rewritten.flatMap(({ tables = [] }) => tables)) told.add(label);
  const all = [...named, ...rewritten, ...blockedRule(situation, told), ...WHOLE.flatMap((rule) => rule(situation))];
  // A body may be read twice: by its name, and by what calls it.
  return all.filter(
    ({ code, message }, i) => all.findIndex((raw) => raw.code === code && raw.message === message) === i,
  );
}

/** What its author says of it is told, and counts for nothing. */
function notWaived(raw: Raw, reason: string): Raw {
  const message = `${raw.message}; the file's own drydock:ignore ("${reason}") does not waive that, the operator does`;
  return { ...raw, message };
}

async function place(
  { level, code, message, hint, recipe }: Raw,
  { name, file }: Pick<Migration, 'name' | 'file'>,
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

function emptyMigration({ name, file }: Pick<Migration, 'name' | 'file'>): Hazard {
  return {
    level: 'info',
    code: 'EMPTY_MIGRATION',
    message: `${name} has no statement; it is recorded, and nothing changes.`,
    migration: name,
    file,
    line: 1,
  };
}
