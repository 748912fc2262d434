import type { Finding } from '@drydock/kit';
import { type Inventory, namedIn, readInventory } from '@drydock/kit/inventory';
import { levelled } from '../codes.ts';
import { judgeDrift } from '../drift/judge.ts';
import { findDrift } from '../drift/look.ts';
import type { Found } from '../hazards/find.ts';
import type { Hazard } from '../hazards/types.ts';
import { unsettledFindings } from '../hazards/unsettled.ts';
import { type MigrationSession, withMigrations } from '../migrations/apply.ts';
import type { MigrationState } from '../migrations/compare.ts';
import type { Migration } from '../migrations/folder.ts';
import { byHandSquashed, historyFindings } from '../migrations/refuse.ts';
import { scriptFindings } from '../migrations/scripts.ts';
import { readFolderAndState } from '../migrations/state.ts';
import { inventoryOf } from '../schema/inventory.ts';
import { howMadeValid, type Promised, whatChanged } from '../schema/promised.ts';
import { findRunning } from '../schema/running.ts';
import { readUnsettled } from '../seen/keys.ts';
import { Moved } from '../seen/moved.ts';
import { readTables } from '../seen/tables.ts';
import type { ObservedMigration } from '../seen/types.ts';
import { looking } from '../sessions/looking.ts';
import { sharingSessions } from '../sessions/sharing.ts';
import type { Target } from '../target.ts';
import { applyFenced } from './fence.ts';
import { driftBefore, replayFinding } from './findings.ts';
import { foreseeCopy, leftOutFinding } from './foresee.ts';
import { Gate } from './gate.ts';
import { watchCopy } from './observe.ts';
import { rehearseOne, type Stage } from './one.ts';
import { readRights } from './rights.ts';
import { type Content, type Copy, type Scratch, withScratch } from './scratch.ts';
import { compareServer, readServer } from './server.ts';
import { takeStock } from './stock.ts';

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

/**
 * Applies what is pending to a copy of the target, exactly as a deploy would. The target itself is only read. A
 * failing migration and a schema that is not what it should be afterwards are findings, not exceptions.
 */
export async function rehearse(target: Target, options: RehearsalOptions = {}): Promise<Rehearsal> {
  return sharingSessions(async () => {
    const first = await rehearseOn(target, options);
    // Chosen for its size, and rows decide: some are better than none.
    const chosen = (options.content ?? 'copy') === 'copy' && first.copy === 'schema';
    if (!chosen || first.untold.length === 0) return first;
    const second = await rehearseOn(target, { ...options, content: 'sample' });
    return second.untold.length < first.untold.length ? second : first;
  });
}

async function rehearseOn(target: Target, options: RehearsalOptions): Promise<Rehearsal> {
  const { state, migrations: all } = await readFolderAndState(target);
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
  result.findings.push(...byHandSquashed(state.byHand));
  const unshown = await foreseeCopy(target);
  result.findings.push(...scriptFindings(target.migrationsDir, state));
  const tables = await looking(target.url, 'drydock db:dry-run', readTables);
  const { running, failed: unread } = await findRunning(target, options.running);
  result.findings.push(...unread);
  const pending = all.filter(({ name }) => state.pending.includes(name));
  const applied = all.filter(({ name }) => state.applied.includes(name) || state.squashed.includes(name));
  const hazards: Rehearsal['findings'] = [];
  const onCopy = async (session: MigrationSession, { url, copy, differs }: Scratch) => {
    const { client } = session;
    result.copy = copy;
    const actual = await inventoryOf(target.url);
    // A copy of the files is the target; what of a database is no part of it, `whatChanged` leaves out.
    const before = copy === 'template' ? actual : await readInventory(client);
    const unsettled = await readUnsettled(client);
    result.findings.push(...differs.findings, ...(copy === 'template' ? [] : leftOutFinding(unshown)));
    result.findings.push(...(await findBefore(target, applied, copy === 'replay' ? before : undefined, actual)));
    const watched = await watchCopy(client, tables);
    const stage: Stage = {
      target,
      url,
      client,
      session,
      gate: new Gate(),
      copy,
      differs,
      tables,
      running,
      watched,
      stock: await takeStock(client, watched, copy),
      // A copy of the files has the target's owners, every one.
      written: new Set(),
      moved: new Moved(),
      rights: copy === 'template' ? undefined : await readRights(target),
    };
    try {
      const ended = await rehearseAll(stage, namedIn(before), { pending, hazards, result, options });
      if (!ended) return;
    } finally {
      hazards.push(...stage.gate.findings);
      if (stage.session !== session) await stage.session.close();
    }
    // One that applied them instead of the operator's role was given all of it.
    const access = !stage.gate.safeRole;
    result.promised = whatChanged(before, await readInventory(client), { access }).there;
    // Only where all of it was seen can it be said what is left undone.
    if (result.untold.length > 0 || differs.lacks.length > 0) return;
    hazards.push(...brokenIndexes(result.promised, pending));
    const last = pending.at(-1)?.name ?? '';
    hazards.push(
      ...(await unsettledFindings(unsettled, await readUnsettled(client), { tables, limits: target, last })),
    );
    const { drift, failed } = await findDrift(target, url);
    // Said before the hazards: a schema that is not what it should be makes the rest moot.
    result.findings.unshift(...(await judgeDrift(target, drift, state)), ...failed);
  };
  const server = await readServer(target);
  await withScratch(target, (scratch) => withMigrations(scratch.url, (session) => onCopy(session, scratch)), {
    content: options.content ?? 'copy',
    replay: (empty) =>
      withMigrations(empty, async (session) => {
        for (const migration of applied) await applyFenced(session, migration, target);
      }),
    onLeft: (finding) => result.findings.push(finding),
  });
  hazards.push(...(await compareServer(target, server, pending)));
  result.findings = [...levelled(result.findings, target.hazards), ...bySeverity(levelled(hazards, target.hazards))];
  return result;
}

interface Course {
  pending: Migration[];
  hazards: Rehearsal['findings'];
  result: Rehearsal;
  options: RehearsalOptions;
}

/** Until one fails; false if that is what the target would do as well. */
async function rehearseAll(stage: Stage, before: Inventory, course: Course): Promise<boolean> {
  const { pending, hazards, result, options } = course;
  let now = before;
  for (const [at, migration] of pending.entries()) {
    options.onMigration?.(migration.name);
    const outcome = await rehearseOne(stage, migration, { now, first: before, behind: pending.length - at - 1 });
    hazards.push(...outcome.findings);
    result.ignored.push(...outcome.ignored);
    if (outcome.untold) {
      result.untold = pending.slice(at).map(({ name }) => name);
      return true;
    }
    if (!outcome.observed) return false;
    result.migrations.push(outcome.observed);
    now = outcome.now;
  }
  return true;
}

/** Drift that is there already, of the target itself: no copy has all of it. A structure made anew is what the migrations make. */
async function findBefore(
  target: Target,
  applied: Migration[],
  made: Inventory | undefined,
  actual: Inventory,
): Promise<Finding[]> {
  return [...(made ? [replayFinding] : []), ...(await driftBefore(target, applied, actual, made))];
}

/** The worst first, each level in the order of the statements. */
function bySeverity(findings: Rehearsal['findings']): Rehearsal['findings'] {
  return (['error', 'warn', 'info'] as const).flatMap((level) => findings.filter((found) => found.level === level));
}

/** An index that cannot be used. */
function brokenIndexes(promised: Promised, pending: Migration[]): Finding[] {
  return promised
    .filter(([key, , valid]) => !valid && key.startsWith('index '))
    .map(([key, definition]) => ({
      level: 'error',
      code: 'LEFT_INVALID',
      message: `${key} is left invalid after ${pending.at(-1)?.name}.`,
      hint: howMadeValid(key, definition),
    }));
}
