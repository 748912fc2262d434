import { command, type Finding, hint } from '@drydock/kit';
import { type Inventory, readInventory } from '@drydock/kit/inventory';
import { byHandFinding, byHandUnknown, sinceDeploy, sinceMigrations } from '../drift/by-hand.ts';
import { withMigrations } from '../migrations/apply.ts';
import { toldAttempt } from '../migrations/attempt.ts';
import type { MigrationState } from '../migrations/compare.ts';
import type { Migration } from '../migrations/folder.ts';
import { squashPartly, squashUnfinished } from '../migrations/refuse.ts';
import type { Target } from '../target.ts';
import { applyFenced } from './fence.ts';
import { withScratch } from './scratch.ts';

/** A history that cannot be gone on with, each with its way out. */
export function historyFindings({ failed, edited, missing, attempts, partly, doubled }: MigrationState): Finding[] {
  return [
    ...[...doubled.map(squashUnfinished), ...partly.map(squashPartly)].map(
      (said): Finding => ({ level: 'error', ...said }),
    ),
    ...failed.map(({ name }): Finding => {
      const attempt = attempts.find((one) => one.name === name);
      return {
        level: 'error',
        code: 'MIGRATION_FAILED_BEFORE',
        message: `${name} was begun on the target and did not end${attempt ? `: ${toldAttempt(attempt)}` : ''}.`,
        hint: command('db:resolve', { rolledBack: name }),
      };
    }),
    ...edited.map(
      (name): Finding => ({
        level: 'error',
        code: 'MIGRATION_EDITED',
        message: `${name} was changed after it was applied.`,
        hint: 'Put the file back, and make the change in a new migration.',
      }),
    ),
    ...missing.map(
      (name): Finding => ({
        level: 'error',
        code: 'MIGRATION_MISSING',
        message: `The target has ${name}, which this checkout has not.`,
        hint: hint`Check out the version that has it. Given up for good, or squashed: ${command('db:resolve', { forget: name })}`,
      }),
    ),
  ];
}

/**
 * Whether the target is what its applied migrations make. Known from what our last deploy left; otherwise they are applied to an
 * empty database beside it, unless `made` is the result of that.
 */
export async function driftBefore(
  target: Target,
  applied: Migration[],
  actual: Inventory,
  made?: Inventory,
): Promise<Finding[]> {
  const known = await sinceDeploy(target, applied.at(-1)?.name ?? null, actual);
  if (known) return byHandFinding(known);
  try {
    return byHandFinding(sinceMigrations(target, made ?? (await whatTheyMake(target, applied)), actual));
  } catch (thrown) {
    return byHandUnknown(thrown);
  }
}

/** The rehearsal goes on, on less. */
export const replayFinding: Finding = {
  level: 'info',
  code: 'COPY_REPLAYED',
  message:
    'pg_dump could not read the target (it is older than the server, or the role may not read all tables): the copy was made by applying the migrations again, without rows and without what was changed by hand.',
  hint: 'Install the postgresql-client of the server, and name its programs in PG_DUMP_PATH and PG_RESTORE_PATH if they are not found; let the role read what it migrates.',
};

/** The structure that migrations make of nothing. */
export async function whatTheyMake(target: Target, migrations: Migration[]): Promise<Inventory> {
  if (migrations.length === 0) return new Map();
  return withScratch(
    target,
    ({ url }) =>
      withMigrations(url, async (session) => {
        for (const migration of migrations) await applyFenced(session, migration, target);
        return readInventory(session.client);
      }),
    { content: 'empty' },
  );
}
