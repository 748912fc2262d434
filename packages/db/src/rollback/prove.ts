import { OpsError } from '@drydock/kit';
import { compareInventories, type Inventory, outermost, readInventory } from '@drydock/kit/inventory';
import { type MigrationSession, withMigrations } from '../migrations/apply.ts';
import type { Migration } from '../migrations/folder.ts';
import { applyFenced } from '../rehearsal/fence.ts';
import { withScratch } from '../rehearsal/scratch.ts';
import { inventoryOf } from '../schema/inventory.ts';
import { type Changes, whatChanged } from '../schema/promised.ts';
import type { Target } from '../target.ts';
import { runDown } from './down.ts';

type Undo = { name: string; sql: string };

/** Where what they should do could not be made anew, and a copy of the target stood in. */
export type Undone = {
  /** Why not. */
  because: string;
  /** Scripts of which only that they run was seen. */
  onlyRan: string[];
};

/**
 * Proves that each down script undoes its migration: on an empty scratch database the migrations run up, and what the
 * schema was before each is kept; then the scripts run down, and the schema must be that again, object by object. A
 * history that cannot be made anew (it needs rows, or roles) is no reason never to go back: then on a copy of the target.
 */
export async function proveDowns(
  target: Target,
  applied: Migration[],
  undo: Undo[],
  detail: (text: string) => void,
): Promise<Proof> {
  const gone: Proof['gone'] = new Map();
  const { failed, changes } = await proveOnHistory(target, applied, undo, { detail, gone });
  if (!failed) return { undone: null, changes, gone };
  const { onlyRan, ...copied } = await proveOnCopy(target, applied, undo, { detail, gone });
  return { undone: { because: failed.message, onlyRan }, changes: copied, gone };
}

interface Proof {
  undone: Undone | null;
  changes: Changes;
  /** What each script took away, by its migration. */
  gone: Map<string, string[]>;
}

interface Stage {
  detail: (text: string) => void;
  gone: Proof['gone'];
}

/** Tells what kept the history from being made again. */
async function proveOnHistory(
  target: Target,
  applied: Migration[],
  undo: Undo[],
  { detail, gone }: Stage,
): Promise<{ failed?: OpsError; changes: Changes }> {
  const undone = new Set(undo.map(({ name }) => name));
  const before = new Map<string, Inventory>();
  const up = (session: MigrationSession) =>
    attempt(async () => {
      for (const migration of applied) {
        if (undone.has(migration.name)) before.set(migration.name, await readInventory(session.client));
        detail(`up ${migration.name}`);
        await applyFenced(session, migration, target);
      }
    });
  return withScratch(
    target,
    async ({ url }) => {
      const failed = await withMigrations(url, up);
      if (failed) return { failed, changes: { gone: [], there: [] } };
      const first = await inventoryOf(url);
      let now = first;
      for (const { name, sql } of undo) {
        detail(`down ${name}`);
        await runDown(url, { name, sql }, { ...target, fenced: true });
        const down = await inventoryOf(url);
        refuseUnequal(name, before.get(name) ?? new Map(), down);
        gone.set(name, compareInventories(now, down).lost);
        now = down;
      }
      return { changes: whatChanged(first, now) };
    },
    { content: 'empty' },
  );
}

/** Down, up and down again must lead to what was there, and to what was there after the first. */
async function proveOnCopy(
  target: Target,
  applied: Migration[],
  undo: Undo[],
  { detail, gone }: Stage,
): Promise<Omit<Undone, 'because'> & Changes> {
  return withScratch(target, async ({ url }) => {
    const first = await inventoryOf(url);
    let now = first;
    const onlyRan: string[] = [];
    for (const { name, sql } of undo) {
      const migration = applied.find((candidate) => candidate.name === name);
      detail(`down ${name}`);
      await runDown(url, { name, sql }, { ...target, fenced: true });
      const down = await inventoryOf(url);
      gone.set(name, compareInventories(now, down).lost);
      const failed = await attempt(async () => {
        if (migration) await withMigrations(url, (session) => applyFenced(session, migration, target).then(() => {}));
      });
      if (failed) onlyRan.push(name);
      else {
        refuseUnequal(name, now, await inventoryOf(url));
        await runDown(url, { name, sql }, { ...target, fenced: true });
        refuseUnequal(name, down, await inventoryOf(url));
      }
      now = down;
    }
    return { ...whatChanged(first, now), onlyRan };
  });
}

/** A migration that fails is what may be; anything else is a fault. */
async function attempt(work: () => Promise<void>): Promise<OpsError | undefined> {
  try {
    await work();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof OpsError) return thrown;
    throw thrown;
  }
}

function refuseUnequal(name: string, before: Inventory, after: Inventory): void {
  const { added, lost, changed } = outermost(compareInventories(before, after));
  const said = [
    ...added.map((key) => `has ${key}`),
    ...lost.map((key) => `lacks ${key}`),
    ...changed.map(
      (key) => `has another ${key} ("${after.get(key)?.definition}" for "${before.get(key)?.definition}")`,
    ),
  ];
  if (said.length === 0) return;
  throw new OpsError({
    code: 'DOWN_UNPROVEN',
    message: `down.sql of ${name} does not undo it: afterwards the schema ${said.slice(0, 3).join(', ')}.`,
    hint: 'Nothing was changed. Mend down.sql, or restore a backup.',
  });
}
