import { databaseOf, type Finding, OpsError, type Secret, toOpsError } from '@drydock/kit';
import { type Inventory, readNamed } from '@drydock/kit/inventory';
import type { Client } from 'pg';
import { type Found, findHazards } from '../hazards/find.ts';
import type { Hazard } from '../hazards/types.ts';
import { type MigrationSession, openMigrations } from '../migrations/apply.ts';
import type { Migration } from '../migrations/folder.ts';
import { atStatements, type Note } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import type { Running } from '../schema/running.ts';
import type { Moved } from '../seen/moved.ts';
import type { Table, Watched } from '../seen/tables.ts';
import type { ObservedMigration, Witness } from '../seen/types.ts';
import type { Target } from '../target.ts';
import { findDestroyed } from './destroyed.ts';
import type { Differs } from './differs.ts';
import { applyFenced } from './fence.ts';
import { type Copy, hasAllRows } from './fill.ts';
import { type Gate, putsTogether } from './gate.ts';
import { rowsInTheWay } from './in-the-way.ts';
import { type At, lostByRunning, lostKeys, nameOf } from './lost.ts';
import { observeMigration } from './observe.ts';
import { type Rights, refusedThere } from './rights.ts';
import { handOver, makeRole } from './role.ts';
import { type Stock, takeStock } from './stock.ts';
import { untoldFinding, whyUntold } from './untold.ts';

/** One rehearsal, from migration to migration. */
export interface Stage {
  target: Target;
  /** The copy, as the operator's role. */
  url: Secret;
  client: Client;
  /** In which migrations are applied to the copy: the operator's, or one of a role that reaches nothing else. */
  session: MigrationSession;
  gate: Gate;
  copy: Copy;
  differs: Pick<Differs, 'lacks' | 'extra'>;
  tables: Table[];
  running: Running | undefined;
  watched: Watched;
  rights: Rights | undefined;
  /** What the copy had of the target's tables before the migration that comes next. */
  stock: Stock;
  /** Tables whose rows the migrations so far may have changed; `*` for any. */
  written: Set<string>;
  /** What the migrations so far have put elsewhere. */
  moved: Moved;
}

export interface OneOutcome extends Pick<Found, 'ignored'> {
  findings: (Finding | Hazard)[];
  /** Undefined if it failed. */
  observed: ObservedMigration | undefined;
  /** It failed, and that says nothing about the target. */
  untold?: boolean;
  now: Inventory;
}

/** Applies one migration and says what was seen of it. A failure is a finding, not an exception. */
export async function rehearseOne(
  stage: Stage,
  migration: Migration,
  { now, first, behind }: { now: Inventory; first: Inventory; behind: number },
): Promise<OneOutcome> {
  const { target, tables, gate } = stage;
  const witnesses: Witness[] = [];
  const notes: Note[] = [];
  try {
    const observed = await observeSafely(stage, migration, { witnesses, notes });
    for (const witness of witnesses) stage.moved.note(migration.name, witness);
    const stock = stage.stock;
    const destroyed = tables.length > 0 ? await destroyedByOne(stage, witnesses) : [];
    const losing = tables.length > 0 && (destroyed.length > 0 || witnesses.some(mayLose));
    const after = losing ? await readNamed(stage.client) : now;
    const names = new Set([...first.keys()].map(nameOf));
    const known = new Map([...now].filter(([key]) => names.has(nameOf(key))));
    const more: At[] = losing
      ? [
          ...lostByRunning(known, after, witnesses, stage.running),
          ...lostKeys(witnesses, { before: stock, now: stage.stock, watched: stage.watched }, stage.running),
          ...destroyed,
        ]
      : [];
    const { hazards, ignored } = await findHazards(
      migration,
      witnesses,
      tables,
      target,
      [...more, ...atStatements(notes, witnesses)],
      emptiedOf(stage),
    );
    const refused = stage.rights ? refusedThere(migration, witnesses, stage.rights, target.defaultSchema) : [];
    const inTheWay = hasAllRows(stage.copy) ? [] : await rowsInTheWay(target, migration, witnesses, stage.written);
    const said = hazards.filter(({ code }) => code !== 'EMPTY_MIGRATION' || !gate.leftOut.has(migration.name));
    return { observed, now: after, findings: [...refused, ...inTheWay, ...said], ignored };
  } catch (thrown) {
    const { code, message, hint } = toOpsError(thrown);
    const line = /:(\d+)/.exec(message.slice(migration.file.length))?.[1];
    const why = whyUntold(thrown, { ...gate, copy: stage.copy, ...stage.differs });
    const untold = why && untoldFinding(migration.name, toOpsError(thrown), why, behind);
    const failure: Finding = untold || {
      level: 'error',
      code,
      message,
      hint,
      file: migration.file,
      line: Number(line ?? 1),
    };
    const { hazards, ignored } = await findHazards(
      migration,
      witnesses,
      tables,
      target,
      atStatements(notes, witnesses),
    );
    return {
      observed: undefined,
      untold: Boolean(untold),
      now,
      findings: [failure, ...hazards.filter(({ code: c }) => c !== 'EMPTY_MIGRATION')],
      ignored,
    };
  }
}

function emptiedOf({ watched, stock }: Stage): Set<string> {
  return new Set([...stock.empty].flatMap((oid) => watched.tables.get(oid)?.label ?? []));
}

/** By what is on the copy now; the next migration is compared with that. */
async function destroyedByOne(stage: Stage, witnesses: Witness[]): Promise<At[]> {
  const { client, watched, copy, stock: before } = stage;
  const changed = new Set(
    witnesses.flatMap(({ observed }) => [...observed.rewritten, ...observed.deleted.map(({ relation }) => relation)]),
  );
  const maybe = [...watched.tables].filter(([, { label }]) => changed.has(label)).map(([oid]) => oid);
  stage.stock = await takeStock(client, watched, copy, [...maybe, ...before.empty]);
  return findDestroyed(stage.target, witnesses, stage.stock, { copy, watched, before, moved: stage.moved });
}

/** Only then is the catalogue read again. */
function mayLose({ statement: { node } }: Witness): boolean {
  const drops = ((node.AlterTableStmt?.cmds ?? []) as Node[]).some(
    ({ AlterTableCmd: cmd }) => cmd?.subtype === 'AT_DropColumn' || cmd?.subtype === 'AT_DropConstraint',
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

/**
 * As the operator's role where all that is run can be read beforehand; what cannot is run by a role that reaches nothing
 * but the copy. What changes the server for all databases is tried in a transaction that is taken back, and for those
 * behind it the rest is applied without.
 */
async function observeSafely(
  stage: Stage,
  migration: Migration,
  { witnesses, notes }: { witnesses: Witness[]; notes: Note[] },
): Promise<ObservedMigration> {
  const { gate, watched, target } = stage;
  const { lockTimeoutMs } = target;
  const observe = () =>
    observeMigration(stage.session, migration, {
      lockTimeoutMs,
      watched,
      witnesses,
      notes,
      gate,
      allRows: hasAllRows(stage.copy),
    });
  try {
    if (!gate.safeRole && (await putsTogether(migration))) await takeSafeRole(stage, migration);
    return await observe();
  } catch (thrown) {
    const code = thrown instanceof OpsError ? thrown.code : undefined;
    if (code === 'NEEDS_ROLE') {
      // In pieces what was run stays: it cannot be begun again.
      if (witnesses.some(({ together }) => !together)) throw noSafeRole(migration, 'runs in pieces');
      await takeSafeRole(stage, migration);
      witnesses.length = notes.length = 0;
      return observe();
    }
    if (code !== 'SERVER_TOUCHED') throw thrown;
    const statements = witnesses.map(({ observed }) => observed);
    const durationMs = statements.reduce((sum, statement) => sum + statement.durationMs, 0);
    gate.leftOut.add(migration.name);
    await applyFenced(stage.session, migration, target);
    return { name: migration.name, durationMs, statements };
  }
}

async function takeSafeRole(stage: Stage, migration: Migration): Promise<void> {
  const url = await makeRole(stage.url);
  if (!url) throw noSafeRole(migration, 'is applied by a role that may make none');
  await handOver(stage.client, databaseOf(url));
  // The lock of Prisma's engine, which the session that applies takes.
  await stage.client.query('SELECT pg_advisory_unlock_all()');
  stage.session = await openMigrations(url);
  stage.gate.safeRole = true;
}

function noSafeRole({ name }: Migration, why: string): OpsError {
  return new OpsError({
    code: 'NO_SAFE_ROLE',
    message: `${name} runs what it puts together, which is only rehearsed by a role that can do no harm, and it ${why}`,
    hint: 'Grant it: ALTER ROLE … CREATEROLE; or put that part into a migration of its own',
  });
}
