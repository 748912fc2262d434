import { type Finding, OpsError } from '@drydock/kit';
import { type Level, levelled } from '../codes.ts';
import { findHazards } from '../hazards/find.ts';
import type { Hazard, Limits } from '../hazards/types.ts';
import { unsettledFindings } from '../hazards/unsettled.ts';
import { atStatements, type Note } from '../migrations/note.ts';
import { checkTransactions } from '../migrations/open-ends.ts';
import type { Script } from '../migrations/run.ts';
import { type Node, parseStatements, type Statement } from '../migrations/statements.ts';
import { type At, lostByRunning } from '../rehearsal/lost.ts';
import type { Running } from '../schema/running.ts';
import { Moved } from '../seen/moved.ts';
import type { Witness } from '../seen/types.ts';
import { Catalogue } from './catalogue.ts';
import { readInside } from './inside.ts';
import { type DroppedKey, destroyedRaws, droppedKeys, learnColumns, livesOn, lostKeyRaws, namesOf } from './lost.ts';
import { enumNotes, skippedNotes, transactionNotes } from './notes.ts';
import { untoldNotes } from './untold.ts';
import { witnessOf } from './witness.ts';

export interface LintOptions {
  limits: Limits;
  hazards: Record<string, Level>;
  /** What the version that serves uses; undefined: everything that is there. */
  running?: Running | undefined;
  /** Each by itself: what one of them makes is there, and filled, for the next. */
  apart: boolean;
}

export interface Linted {
  findings: (Finding | Hazard)[];
  ignored: { code: string; migration: string; line: number; reason: string }[];
}

/**
 * The hazards of migrations by their text alone: no database is asked. `all` in the order of their names; `looked` says which of them are
 * looked at, and the others tell what is there. What cannot be read (MIGRATION_SYNTAX) is thrown.
 */
export async function lint(all: Script[], looked: ReadonlySet<string>, options: LintOptions): Promise<Linted> {
  const catalogue = new Catalogue();
  const linted: Linted = { findings: [], ignored: [] };
  const moved = new Moved();
  const last = all.findLastIndex(({ file }) => looked.has(file));
  for (const migration of all.slice(0, last + 1)) {
    if (!looked.has(migration.file)) {
      await learn(migration, catalogue, linted);
      continue;
    }
    const { hazards, ignored } = await lintOne(migration, catalogue, moved, options);
    linted.findings.push(...hazards);
    linted.ignored.push(...ignored);
    if (options.apart) catalogue.settle();
  }
  linted.findings.push(...(await unsettled(catalogue, options.limits)));
  linted.findings = levelled(linted.findings, options.hazards);
  return linted;
}

/** What is applied somewhere was SQL for its server, perhaps of another version. */
async function learn(migration: Script, catalogue: Catalogue, { findings }: Linted): Promise<void> {
  try {
    for (const statement of await parseStatements(migration.sql, migration.file))
      catalogue.apply(statement, (await readInside(statement, catalogue)).nodes);
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    findings.push({
      level: 'info',
      code: 'UNTOLD',
      message: `${migration.name} cannot be read, so that what it makes is not known here: ${error.message}`,
      file: migration.file,
      line: 1,
    });
  }
}

async function lintOne(migration: Script, catalogue: Catalogue, moved: Moved, { limits, running }: LintOptions) {
  const { name, file } = migration;
  const statements = await parseStatements(migration.sql, file);
  const notes: Note[] = [...openEnds(statements, file), ...transactionNotes(statements)];
  const more: At[] = [];
  const dropped: { at: number; key: DroppedKey }[] = [];
  const witnesses: Witness[] = [];
  const before = namesOf(catalogue, { all: false });
  const together = !statements.some(({ alone }) => alone);
  let [transaction, open] = [0, false];
  let held = new Map<string, string>();
  let added: { type: string; value: string }[] = [];
  for (const statement of statements) {
    const begins = statement.transaction === 'begin';
    if (statement.transaction) {
      if (!begins || !open) transaction++;
      open = begins || statement.chain;
      [held, added] = [new Map(), []];
    }
    if (statement.transaction || statement.modes || statement.node.TransactionStmt) continue;
    if (!together && !open) {
      transaction++;
      [held, added] = [new Map(), []];
    }
    catalogue.at = { migration: name, file, line: statement.line };
    const inner = await readInside(statement, catalogue);
    const nodes = [statement.node, ...inner.nodes];
    learnColumns(nodes, catalogue);
    notes.push(...(await skippedNotes(nodes, statement.line, catalogue)));
    notes.push(...enumNotes(statement, { added, inner, catalogue }), ...untoldNotes(statement, inner, catalogue));
    more.push(...destroyedRaws(nodes, catalogue, moved).map((raw) => ({ at: witnesses.length, raw })));
    dropped.push(...droppedKeys(nodes, catalogue).map((key) => ({ at: witnesses.length, key })));
    added.push(...addedBy(statement, catalogue));
    const witness = await witnessOf(statement, inner, catalogue, { together, transaction, held });
    witnesses.push(witness);
    moved.note(name, witness);
    for (const key of catalogue.learned.splice(0)) before.set(key, { definition: '', valid: true });
  }
  catalogue.at = undefined;
  for (const { at, key } of dropped) more.push(...lostKeyRaws(key, catalogue, running).map((raw) => ({ at, raw })));
  const after = livesOn(before, catalogue, namesOf(catalogue, { all: true }));
  more.push(...lostByRunning(before, after, witnesses, running), ...atStatements(notes, witnesses));
  const tables = [...catalogue.tables.values()].map((table) => table.named());
  return findHazards(migration, witnesses, tables, { ...limits, sizesUnknown: true }, more, emptiedBy(witnesses));
}

/** One that is left open is refused before anything runs; here it is told beside the rest. */
function openEnds(statements: Statement[], file: string): Note[] {
  try {
    return checkTransactions(statements, file);
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    const [, line = '1', said = error.message] = /^:(\d+) (.*)$/s.exec(error.message.slice(file.length)) ?? [];
    const message = said.replace(/\. Nothing was applied\.$/, '');
    return [
      {
        line: Number(line),
        raw: { level: 'error', code: 'TRANSACTION_LEFT_OPEN', message, ...(error.hint ? { hint: error.hint } : {}) },
      },
    ];
  }
}

/** That is told as what it is, not as rows that are written anew. */
function emptiedBy(witnesses: Witness[]): Set<string> {
  return new Set(
    witnesses.flatMap(({ statement, inner, tableOf }) =>
      [statement.node, ...inner.nodes]
        .flatMap(({ TruncateStmt }) => (TruncateStmt?.relations ?? []) as Node[])
        .flatMap(({ RangeVar }) => tableOf(RangeVar)?.label ?? []),
    ),
  );
}

/** Of a type that was there before: one that the same transaction makes has its values at once. */
function addedBy({ node: { AlterEnumStmt } }: Statement, { enums }: Catalogue): { type: string; value: string }[] {
  const type = (AlterEnumStmt?.typeName as { String?: { sval?: string } }[] | undefined)?.at(-1)?.String?.sval;
  if (!type || !AlterEnumStmt?.newVal || AlterEnumStmt.oldVal || enums.get(type)?.has(AlterEnumStmt.newVal)) return [];
  return [{ type, value: AlterEnumStmt.newVal }];
}

/** What they leave: constraints that nobody validated, foreign keys without an index. */
async function unsettled(catalogue: Catalogue, limits: Limits): Promise<Finding[]> {
  const tables = [...catalogue.tables.values()].map((table) => table.named());
  const findings: Finding[] = [];
  for (const table of catalogue.tables.values())
    for (const { name, kind, columns, valid, at } of table.constraints.values()) {
      if (!at || (kind !== 'CONSTR_FOREIGN' && valid)) continue;
      const { schema, label } = table;
      const begun = [...table.indexes.values()].some(
        (index) => !index.partial && columns.every((column) => index.columns.slice(0, columns.length).includes(column)),
      );
      const one = { oid: 0, name, label, schema, table: table.name, columns, kind: table.kind };
      const whats = [
        ...(valid ? [] : (['invalid'] as const)),
        ...(kind === 'CONSTR_FOREIGN' && !begun && table.complete ? (['unindexed'] as const) : []),
      ];
      const options = { tables, limits: { ...limits, sizesUnknown: true }, last: at.migration };
      for (const what of whats)
        for (const finding of await unsettledFindings([], [{ ...one, what }], options))
          findings.push({ ...finding, file: at.file, line: at.line });
    }
  return findings;
}
