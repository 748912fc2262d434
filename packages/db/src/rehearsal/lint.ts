import { findHazards } from '../hazards/find.ts';
import type { Hazard } from '../hazards/types.ts';
import { applyMigration } from '../migrations/apply.ts';
import { readMigrations } from '../migrations/folder.ts';
import { inventoryOf } from '../schema/inventory.ts';
import type { Target } from '../target.ts';
import { lostByRunning } from './lost.ts';
import { observeMigration, watchCopy } from './observe.ts';
import { withScratch } from './scratch.ts';
import { readTables } from './tables.ts';
import type { Witness } from './types.ts';

/**
 * The hazards of one migration before it meets a database with rows: applied behind the earlier ones on an empty
 * scratch, as if every table had a row and every column were used.
 */
export async function lintMigration(target: Target, name: string): Promise<Hazard[]> {
  const all = readMigrations(target.migrationsDir);
  const at = all.findIndex((migration) => migration.name === name);
  const migration = all[at];
  if (!migration) return [];
  return withScratch(
    target.url,
    async ({ url }) => {
      for (const earlier of all.slice(0, at)) await applyMigration(url, earlier, target);
      const tables = (await readTables({ ...target, url })).map((table) => ({
        ...table,
        rows: Math.max(table.rows, 1),
      }));
      const before = await inventoryOf(url);
      const witnesses: Witness[] = [];
      await observeMigration(url, migration, target.lockTimeoutMs, await watchCopy(url, tables), witnesses);
      const lost = lostByRunning(before, await inventoryOf(url), witnesses, undefined);
      const { hazards } = await findHazards(migration, witnesses, tables, { ...target, levels: target.hazards }, lost);
      return hazards;
    },
    'empty',
  );
}
