import { type Finding, toOpsError } from '@drydock/kit';
import { diffToSchema } from '../drift.ts';
import { type Found, findHazards } from '../hazards/find.ts';
import type { Hazard } from '../hazards/types.ts';
import { looking } from '../looking.ts';
import { type MigrationSession, withMigrations } from '../migrations/apply.ts';
import { compareHistory, type MigrationState } from '../migrations/compare.ts';
import { type Migration, readMigrations } from '../migrations/folder.ts';
import { readHistory } from '../migrations/history.ts';
import { atStatements, type Note } from '../migrations/open-ends.ts';
import type { Node } from '../migrations/statements.ts';
import { compareInventories, type Inventory, inventoryOf, type Promised, readInventory } from '../schema/inventory.ts';
import { findRunning, type Running } from '../schema/running.ts';
import type { Target } from '../target.ts';
import { driftBefore, driftFinding, historyFindings, replayFinding } from './findings.ts';
import { type At, findDestroyedRows, lostByRunning, nameOf } from './lost.ts';
import { observeMigration, watchCopy } from './observe.ts';
import { type Content, type Copy, type Scratch, withScratch } from './scratch.ts';
import { readTables, type Table, type Watched } from './tables.ts';
import type { ObservedMigration, Witness } from './types.ts';

export interface Rehearsal {
  state: MigrationState;
  /** How the copy was made; undefined when there was nothing to rehearse. */
  copy: Copy | undefined;
  migrations: ObservedMigration[];
  /** First what is wrong with the target or the whole, then hazards in the order of the statements. */
  findings: (Finding | Hazard)[];
  ignored: Found['ignored'];
  /** What the migrations make, as the catalogue of the copy has it afterwards: verified on the target after a deploy. */
  promised: Promised;
}

export interface RehearsalOptions {
  onMigration?: (name: string) => void;
  /** What the copy holds; the default prefers a whole one where that is free. */
  content?: Content;
  /** Commit of the version that serves now. */
  running?: string | undefined;
}

export async function readState(target: Target): Promise<MigrationState> {
  const migrations = readMigrations(target.migrationsDir);
  const history = await looking(target.url, 'drydock db:status', readHistory);
  return compareHistory(migrations, history);
}

/**
 * Applies what is pending to a copy of the target, exactly as a deploy would. The target itself is only read. A
 * failing migration and a schema that is not what it should be afterwards are findings, not exceptions.
 */
export async function rehearse(target: Target, options: RehearsalOptions = {}): Promise<Rehearsal> {
  const state = await readState(target);
  const result: Rehearsal = {
    state,
    copy: undefined,
    migrations: [],
    findings: historyFindings(state),
    ignored: [],
    promised: [],
  };
  if (result.findings.length > 0 || state.pending.length === 0) return result;
  const tables = await looking(target.url, 'drydock db:dry-run', readTables);
  const running = await findRunning(target, options.running);
  const all = readMigrations(target.migrationsDir);
  const pending = all.filter(({ name }) => state.pending.includes(name));
  const applied = all.filter(({ name }) => state.applied.includes(name));
  const hazards: Rehearsal['findings'] = [];
  const onCopy = async (session: MigrationSession, { url, copy }: Scratch) => {
    const { client } = session;
    result.copy = copy;
    const before = await readInventory(client);
    result.findings.push(...(await findBefore(target, applied, { copy, inventory: before })));
    const stage = { target, session, tables, running, watched: await watchCopy(client, tables) };
    let now = before;
    for (const migration of pending) {
      options.onMigration?.(migration.name);
      const outcome = await rehearseOne(stage, migration, now, before);
      hazards.push(...outcome.findings);
      result.ignored.push(...outcome.ignored);
      if (!outcome.observed) return;
      result.migrations.push(outcome.observed);
      now = outcome.now;
    }
    const after = await readInventory(client);
    const { added, changed } = compareInventories(before, after);
    result.promised = [...added, ...changed].map((key) => {
      const item = after.get(key);
      return [key, item?.definition ?? '', item?.valid ?? true];
    });
    hazards.push(...leftInvalid(result.promised, pending));
    const drift = await diffToSchema(url, target.schemaFile);
    // Said before the hazards: a schema that is not what it should be makes the rest moot.
    if (drift) result.findings.unshift(driftFinding(drift));
  };
  await withScratch(
    target.url,
    (scratch) => withMigrations(scratch.url, (session) => onCopy(session, scratch)),
    options.content ?? 'copy',
    (empty) =>
      withMigrations(empty, async (session) => {
        for (const migration of applied) await session.apply(migration, target);
      }),
  );
  result.findings.push(...bySeverity(hazards));
  return result;
}

/** Drift that is there already. A structure made anew is what the migrations make: the target itself is looked at. */
async function findBefore(
  target: Target,
  applied: Migration[],
  { copy, inventory }: { copy: Copy; inventory: Inventory },
): Promise<Finding[]> {
  if (copy !== 'replay') return driftBefore(target, applied, inventory);
  return [replayFinding, ...(await driftBefore(target, applied, await inventoryOf(target.url), inventory))];
}

/** The worst first, each level in the order of the statements. */
function bySeverity(findings: Rehearsal['findings']): Rehearsal['findings'] {
  return (['error', 'warn', 'info'] as const).flatMap((level) => findings.filter((found) => found.level === level));
}

interface Stage {
  target: Target;
  /** On the copy. */
  session: MigrationSession;
  tables: Table[];
  running: Running | undefined;
  watched: Watched;
}

interface Outcome extends Pick<Rehearsal, 'findings' | 'ignored'> {
  /** Undefined if it failed. */
  observed: ObservedMigration | undefined;
  now: Inventory;
}

async function rehearseOne(stage: Stage, migration: Migration, now: Inventory, first: Inventory): Promise<Outcome> {
  const { target, session, watched, tables } = stage;
  const { lockTimeoutMs } = target;
  const witnesses: Witness[] = [];
  const notes: Note[] = [];
  const config = { ...target, levels: target.hazards };
  try {
    const observed = await observeMigration(session, migration, { lockTimeoutMs, watched, witnesses, notes });
    const losing = tables.length > 0 && witnesses.some(mayLose);
    const after = losing ? await readInventory(session.client) : now;
    const names = new Set([...first.keys()].map(nameOf));
    const known = new Map([...now].filter(([key]) => names.has(nameOf(key))));
    const more: At[] = losing
      ? [...lostByRunning(known, after, witnesses, stage.running), ...(await findDestroyedRows(target, witnesses))]
      : [];
    const { hazards, ignored } = await findHazards(migration, witnesses, tables, config, [
      ...more,
      ...atStatements(notes, witnesses),
    ]);
    return { observed, now: after, findings: hazards, ignored };
  } catch (thrown) {
    const { code, message, hint } = toOpsError(thrown);
    const line = /:(\d+)/.exec(message.slice(migration.file.length))?.[1];
    const failure: Finding = { level: 'error', code, message, hint, file: migration.file, line: Number(line ?? 1) };
    const { hazards, ignored } = await findHazards(
      migration,
      witnesses,
      tables,
      config,
      atStatements(notes, witnesses),
    );
    return {
      observed: undefined,
      now,
      findings: [failure, ...hazards.filter(({ code: c }) => c !== 'EMPTY_MIGRATION')],
      ignored,
    };
  }
}

/** Only then is the catalogue read again. */
function mayLose({ statement: { node } }: Witness): boolean {
  const drops = ((node.AlterTableStmt?.cmds ?? []) as Node[]).some(
    ({ AlterTableCmd: cmd }) => cmd?.subtype === 'AT_DropColumn',
  );
  return Boolean(
    drops ||
      node.DropStmt ||
      node.RenameStmt ||
      node.AlterEnumStmt ||
      node.AlterObjectSchemaStmt ||
      node.DoStmt ||
      node.SelectStmt ||
      node.TruncateStmt,
  );
}

/** A NOT VALID constraint that nobody validates, an index that cannot be used. */
function leftInvalid(promised: Promised, pending: Migration[]): Finding[] {
  return promised
    .filter(([key, , valid]) => !valid && /^(index|constraint) /.test(key))
    .map(([key]) => ({
      level: key.startsWith('index') ? 'error' : 'warn',
      code: 'LEFT_INVALID',
      message: `${key} is left invalid after ${pending.at(-1)?.name}.`,
      hint: key.startsWith('index')
        ? 'REINDEX INDEX CONCURRENTLY, or drop it and build it again.'
        : 'ALTER TABLE … VALIDATE CONSTRAINT in a migration that follows.',
    }));
}
