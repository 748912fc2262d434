import type { Finding } from '@drydock/kit';
import { type Inventory, readInventory } from '@drydock/kit/inventory';
import { byHandFinding, byHandUnknown, sinceDeploy, sinceMigrations } from '../drift/by-hand.ts';
import { withMigrations } from '../migrations/apply.ts';
import type { Migration } from '../migrations/folder.ts';
import type { Target } from '../target.ts';
import { applyFenced } from './fence.ts';
import { withScratch } from './scratch.ts';

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
