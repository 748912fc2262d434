import { type Finding, toOpsError, withPostgres } from '@drydock/kit';
import { diffToSchema } from '../drift.ts';
import { type Found, findHazards } from '../hazards/find.ts';
import type { Hazard } from '../hazards/types.ts';
import { type MigrationSession, withMigrations } from '../migrations/apply.ts';
import { compareHistory, type MigrationState } from '../migrations/compare.ts';
import { type Migration, readMigrations } from '../migrations/folder.ts';
import { readHistory } from '../migrations/history.ts';
import type { Node } from '../migrations/statements.ts';
import { type Inventory, inventoryOf, type Promised, readInventory } from '../schema/inventory.ts';
import { findRunning, type Running } from '../schema/running.ts';
import type { Target } from '../target.ts';
import { findDestroyed } from './destroyed.ts';
import { driftBefore, driftFinding, historyFindings, replayFinding, whatChanged } from './findings.ts';
import { type At, lostByRunning, nameOf } from './lost.ts';
import { observeMigration, watchCopy } from './observe.ts';
import { type Rights, readRights, refusedThere } from './rights.ts';
import { type Content, type Copy, type Scratch, withScratch } from './scratch.ts';
import { type Stock, takeStock } from './stock.ts';
import { readTables, type Table, type Watched } from './tables.ts';
import type { ObservedMigration, Witness } from './types.ts';
import { untoldFinding, whyUntold } from './untold.ts';

export interface Rehearsal {
  state: MigrationState;
  /** How the copy was made; undefined when there was nothing to rehearse. */
  copy: Copy | undefined;
  migrations: ObservedMigration[];
  /** First what is wrong with the target or the whole, then hazards in the order of the statements. */
  findings: (Finding | Hazard)[];
  ignored: Found['ignored'];
  /** Pending migrations of which the copy could not tell whether they apply. */
  untold: string[];
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
  const history = await withPostgres(target.url, 'drydock db:status', readHistory);
  return compareHistory(migrations, history);
}

/**
 * Applies what is pending to a copy of the target, exactly as a deploy would. The target itself is only read. A
 * failing migration and a schema that is not what it should be afterwards are findings, not exceptions.
 */
export async function rehearse(target: Target, options: RehearsalOptions = {}): Promise<Rehearsal> {
  const first = await rehearseOn(target, options);
  // Chosen for its size, and rows decide: some are better than none.
  const chosen = (options.content ?? 'copy') === 'copy' && first.copy === 'schema';
  if (!chosen || first.untold.length === 0) return first;
  const second = await rehearseOn(target, { ...options, content: 'sample' });
  return second.untold.length < first.untold.length ? second : first;
}

async function rehearseOn(target: Target, options: RehearsalOptions): Promise<Rehearsal> {
  const state = await readState(target);
  const result: Rehearsal = {
    state,
    copy: undefined,
    migrations: [],
    findings: historyFindings(state),
    ignored: [],
    untold: [],
    promised: [],
  };
  if (result.findings.length > 0 || state.pending.length === 0) return result;
  const tables = await withPostgres(target.url, 'drydock db:dry-run', readTables);
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
    const watched = await watchCopy(client, tables);
    const stage: Stage = {
      target,
      session,
      copy,
      tables,
      running,
      watched,
      stock: await takeStock(client, watched, copy),
      // A copy of the files has the target's owners, every one.
      rights: copy === 'template' ? undefined : await readRights(target),
    };
    let now = before;
    for (const [at, migration] of pending.entries()) {
      options.onMigration?.(migration.name);
      const outcome = await rehearseOne(stage, migration, now, before, pending.length - at - 1);
      hazards.push(...outcome.findings);
      result.ignored.push(...outcome.ignored);
      if (outcome.untold) {
        result.untold = pending.slice(at).map(({ name }) => name);
        break;
      }
      if (!outcome.observed) return;
      result.migrations.push(outcome.observed);
      now = outcome.now;
    }
    result.promised = whatChanged(before, await readInventory(client)).there;
    // Only where all of it was seen can it be said what is left undone.
    if (result.untold.length > 0) return;
    hazards.push(...leftInvalid(result.promised, pending));
    const drift = await diffToSchema(url, target.schemaFile);
    // Said before the hazards: a schema that is not what it should be makes the rest moot.
    if (drift) result.findings.unshift(driftFinding(drift));
  };
  await withScratch(target.url, (scratch) => withMigrations(scratch.url, (session) => onCopy(session, scratch)), {
    content: options.content ?? 'copy',
    replay: (empty) =>
      withMigrations(empty, async (session) => {
        for (const migration of applied) await session.apply(migration, target);
      }),
    onLeft: (finding) => result.findings.push(finding),
  });
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
  copy: Copy;
  tables: Table[];
  running: Running | undefined;
  watched: Watched;
  rights: Rights | undefined;
  /** What the copy had of the target's tables before the migration that comes next. */
  stock: Stock;
}

interface Outcome extends Pick<Rehearsal, 'findings' | 'ignored'> {
  /** Undefined if it failed. */
  observed: ObservedMigration | undefined;
  /** It failed, and that says nothing about the target. */
  untold?: boolean;
  now: Inventory;
}

async function rehearseOne(
  stage: Stage,
  migration: Migration,
  now: Inventory,
  first: Inventory,
  behind: number,
): Promise<Outcome> {
  const { target, session, watched, tables } = stage;
  const { lockTimeoutMs } = target;
  const witnesses: Witness[] = [];
  const config = { ...target, levels: target.hazards };
  try {
    const observed = await observeMigration(session, migration, { lockTimeoutMs, watched, witnesses });
    const destroyed = tables.length > 0 ? await destroyedByOne(stage, witnesses) : [];
    const losing = tables.length > 0 && (destroyed.length > 0 || witnesses.some(mayLose));
    const after = losing ? await readInventory(session.client) : now;
    const names = new Set([...first.keys()].map(nameOf));
    const known = new Map([...now].filter(([key]) => names.has(nameOf(key))));
    const more: At[] = losing ? [...lostByRunning(known, after, witnesses, stage.running), ...destroyed] : [];
    const { hazards, ignored } = await findHazards(migration, witnesses, tables, config, more);
    const refused = stage.rights ? refusedThere(migration, witnesses, stage.rights, target.defaultSchema) : [];
    return { observed, now: after, findings: [...refused, ...hazards], ignored };
  } catch (thrown) {
    const { code, message, hint } = toOpsError(thrown);
    const line = /:(\d+)/.exec(message.slice(migration.file.length))?.[1];
    const why = whyUntold(thrown, stage.copy);
    const untold = why && untoldFinding(migration.name, toOpsError(thrown), why, behind);
    const failure: Finding = untold || {
      level: 'error',
      code,
      message,
      hint,
      file: migration.file,
      line: Number(line ?? 1),
    };
    const { hazards, ignored } = await findHazards(migration, witnesses, tables, config);
    return {
      observed: undefined,
      untold: Boolean(untold),
      now,
      findings: [failure, ...hazards.filter(({ code: c }) => c !== 'EMPTY_MIGRATION')],
      ignored,
    };
  }
}

/** By what is on the copy now; the next migration is compared with that. */
async function destroyedByOne(stage: Stage, witnesses: Witness[]): Promise<At[]> {
  const { session, watched, copy, stock: before } = stage;
  const changed = new Set(
    witnesses.flatMap(({ observed }) => [...observed.rewritten, ...observed.deleted.map(({ relation }) => relation)]),
  );
  const maybe = [...watched.tables].filter(([, { label }]) => changed.has(label)).map(([oid]) => oid);
  stage.stock = await takeStock(session.client, watched, copy, [...maybe, ...before.empty]);
  return findDestroyed(stage.target, witnesses, stage.stock, { copy, watched, before });
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
      node.CallStmt,
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
