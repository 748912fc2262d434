import { command, type Finding, hint, OpsError } from '@drydock/kit';
import { withMigrations } from '../migrations/apply.ts';
import { toldAttempt } from '../migrations/attempt.ts';
import type { MigrationState } from '../migrations/compare.ts';
import type { Migration } from '../migrations/folder.ts';
import {
  compareInventories,
  hashInventory,
  type Inventory,
  type Promised,
  readInventory,
} from '../schema/inventory.ts';
import { readDeployed } from '../schema/running.ts';
import type { Target } from '../target.ts';
import { applyFenced } from './fence.ts';
import { withScratch } from './scratch.ts';

/** A history that cannot be gone on with, each with its way out. */
export function historyFindings({ failed, edited, missing, attempts }: MigrationState): Finding[] {
  return [
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
        hint: 'Check out the version that has it.',
      }),
    ),
  ];
}

/**
 * Whether the target is what its applied migrations make. Known at once where nothing has changed since our last deploy;
 * otherwise they are applied to an empty database beside it, unless `made` is the result of that.
 */
export async function driftBefore(
  target: Target,
  applied: Migration[],
  actual: Inventory,
  made?: Inventory,
): Promise<Finding[]> {
  const [last] = await readDeployed(target);
  if (last?.inventory === hashInventory(actual) && last.head === (applied.at(-1)?.name ?? null)) return [];
  try {
    const expected = made ?? (await whatTheyMake(target, applied));
    const { added, lost, changed } = compareInventories(expected, actual);
    // The schema that the URL names is made by whoever comes first, no migration.
    const extra = added.filter((key) => key !== `schema ${target.defaultSchema}`);
    const said = [
      ...extra.map((key) => `has ${key}, which no applied migration makes`),
      ...lost.map((key) => `lacks ${key}`),
      ...changed.map((key) => `has another ${key}`),
    ];
    if (said.length === 0) return [];
    const more = said.length > 3 ? `, and ${said.length - 3} more` : '';
    return [
      {
        level: 'warn',
        code: 'DRIFT_BEFORE',
        message: `The target ${said.slice(0, 3).join('; it ')}${more}.`,
        hint: hint`Who did it: ${command('ops:log')}. The difference as SQL: ${command('db:drift')}`,
      },
    ];
  } catch (thrown) {
    if (!(thrown instanceof OpsError)) throw thrown;
    return [
      {
        level: 'warn',
        code: 'DRIFT_BEFORE',
        message: `Whether the target is what its migrations make could not be told: ${thrown.message}`,
      },
    ];
  }
}

/** The rehearsal goes on, on less. */
export const replayFinding: Finding = {
  level: 'info',
  code: 'COPY_REPLAYED',
  message:
    'pg_dump could not read the target (it is older than the server, or the role may not read all tables): the copy was made by applying the migrations again, without rows and without what was changed by hand.',
  hint: 'Install the postgresql-client of the server, and name its pg_dump in PG_DUMP_PATH if it is not found; let the role read what it migrates.',
};

/** What is gone, and what is there, new or not as it was: in a form that can be journalled. */
export function whatChanged(before: Inventory, after: Inventory): { gone: string[]; there: Promised } {
  const { added, changed, lost } = compareInventories(before, after);
  const there = [...added, ...changed].map((key): Promised[number] => {
    const item = after.get(key);
    return [key, item?.definition ?? '', item?.valid ?? true];
  });
  return { gone: lost, there };
}

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
