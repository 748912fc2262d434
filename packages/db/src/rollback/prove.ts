import { OpsError } from '@drydock/kit';
import { applyMigration } from '../migrations/apply.ts';
import type { Migration } from '../migrations/folder.ts';
import { schemaText } from '../rehearsal/schema-text.ts';
import { withScratch } from '../rehearsal/scratch.ts';
import type { Target } from '../target.ts';
import { runDown } from './down.ts';

/**
 * Proves that each down script undoes its migration: on an empty scratch database the migrations run up, and what the
 * schema was before each is kept; then the scripts run down, and the schema must be that again, to the letter.
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
      const before = new Map<string, string>();
      for (const migration of applied) {
        if (undone.has(migration.name)) before.set(migration.name, await schemaText(url));
        detail(`up ${migration.name}`);
        await applyMigration(url, migration, target);
      }
      for (const { name, sql } of undo) {
        detail(`down ${name}`);
        await runDown(url, { name, sql }, target);
        refuseUnequal(name, before.get(name) ?? '', await schemaText(url));
      }
    },
    'empty',
  );
}

/** What the schema of a database should be once `undo` is done: what the other migrations make. */
export async function expectedSchema(target: Target, remaining: Migration[]): Promise<string> {
  return withScratch(
    target.url,
    async ({ url }) => {
      for (const migration of remaining) await applyMigration(url, migration, target);
      return schemaText(url);
    },
    'empty',
  );
}

function refuseUnequal(name: string, before: string, after: string): void {
  if (before === after) return;
  const lines = new Set(before.split('\n'));
  const extra = after.split('\n').find((line) => !lines.has(line));
  const now = new Set(after.split('\n'));
  const lacking = before.split('\n').find((line) => !now.has(line));
  throw new OpsError({
    code: 'DOWN_UNPROVEN',
    message: `down.sql of ${name} does not undo it: afterwards the schema ${extra ? `has "${extra.trim()}"` : `lacks "${lacking?.trim()}"`}.`,
    hint: 'Nothing was changed. Mend down.sql, or restore a backup.',
  });
}
