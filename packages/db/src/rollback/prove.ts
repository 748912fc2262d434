import { OpsError } from '@drydock/kit';
import { withMigrations } from '../migrations/apply.ts';
import type { Migration } from '../migrations/folder.ts';
import { withScratch } from '../rehearsal/scratch.ts';
import { compareInventories, type Inventory, inventoryOf, readInventory } from '../schema/inventory.ts';
import type { Target } from '../target.ts';
import { runDown } from './down.ts';

/**
 * Proves that each down script undoes its migration: on an empty scratch database the migrations run up, and what the
 * schema was before each is kept; then the scripts run down, and the schema must be that again, object by object.
 */
export async function proveDowns(
  target: Target,
  applied: Migration[],
  undo: { name: string; sql: string }[],
  detail: (text: string) => void,
): Promise<void> {
  const undone = new Set(undo.map(({ name }) => name));
  await withScratch(
    target.url,
    async ({ url }) => {
      const before = await withMigrations(url, async (session) => {
        const found = new Map<string, Inventory>();
        for (const migration of applied) {
          if (undone.has(migration.name)) found.set(migration.name, await readInventory(session.client));
          detail(`up ${migration.name}`);
          await session.apply(migration, target);
        }
        return found;
      });
      for (const { name, sql } of undo) {
        detail(`down ${name}`);
        await runDown(url, { name, sql }, target);
        refuseUnequal(name, before.get(name) ?? new Map(), await inventoryOf(url));
      }
    },
    { content: 'empty' },
  );
}

function refuseUnequal(name: string, before: Inventory, after: Inventory): void {
  const { added, lost, changed } = compareInventories(before, after);
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
