import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { command, hint, OpsError, usageError } from '@drydock/kit';
import { type Migration, readMigrations, readSql } from '../migrations/folder.ts';
import { refuseUnsound } from '../migrations/refuse.ts';
import { readState } from '../migrations/state.ts';
import type { Changes } from '../schema/promised.ts';
import type { Target } from '../target.ts';
import { findLosses, type Loss } from './losses.ts';
import { proveDowns, type Undone } from './prove.ts';

/** Newest first. */
export type RollbackPlan = {
  undo: { name: string; sql: string }[];
  losses: Loss[];
  /** What the scripts did on a copy of the target; null where the history itself says what they must lead to. */
  undone: Undone | null;
  changes: Changes;
};

export interface RollbackWish {
  /** The migration that is to be the newest afterwards. */
  to: string | undefined;
  /** Or how many are undone. */
  steps: number | undefined;
}

/** Which migrations are undone, proven on a scratch database, and what would be lost on the target. */
export async function planRollback(
  target: Target,
  wish: RollbackWish,
  detail: (text: string) => void = () => {},
): Promise<RollbackPlan> {
  const state = await readState(target);
  refuseUnsound(state);
  const applied = readMigrations(target.migrationsDir).filter(
    ({ name }) => state.applied.includes(name) || state.squashed.includes(name),
  );
  const undo = choose(applied, wish)
    .toReversed()
    .map((migration) => ({ name: migration.name, sql: readDown(migration) }));
  const { undone, changes, gone } = await proveDowns(target, applied, undo, detail);
  return { undo, losses: await findLosses(target, undo, gone), undone, changes };
}

export function refuseWish({ to, steps }: RollbackWish): void {
  if ((to === undefined) === (steps === undefined))
    throw usageError('USAGE', 'Say how far: either --to NAME or --steps N.', command('db:rollback', { help: true }));
}

function choose(applied: Migration[], { to, steps }: RollbackWish): Migration[] {
  if (steps !== undefined) return applied.slice(-steps);
  const at = applied.findIndex(({ name }) => name === to);
  if (at === -1)
    throw usageError(
      'MIGRATION_UNKNOWN',
      `${to} is not an applied migration.`,
      hint`${command('db:status')} shows what is applied.`,
    );
  return applied.slice(at + 1);
}

function readDown({ name, file }: Migration): string {
  const down = join(dirname(file), 'down.sql');
  if (existsSync(down)) return readSql(down);
  throw new OpsError({
    code: 'DOWN_MISSING',
    message: `${name} has no down.sql: it cannot be undone in place.`,
    hint: 'Restore the latest backup beside the database instead: docs/OPERATIONS_BACKUPS_RUNBOOK.md',
  });
}
