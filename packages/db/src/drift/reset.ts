import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import { migrationList, NO_FILTERS } from '../engine/history.ts';
import { readMigrations } from '../migrations/folder.ts';
import { makeBeside } from '../rehearsal/fill.ts';
import type { Target } from '../target.ts';

/**
 * Why `prisma migrate dev` makes no migration of this database before it was thrown away: what is in it is not what the migrations make, or
 * one of those that are applied was changed, or is gone. The engine's own first sentence; undefined where it would go on.
 */
export async function whyReset(target: Target): Promise<string | undefined> {
  const { withEngine } = await import('../engine/load.ts');
  const migrationsList = migrationList(target.migrationsDir, readMigrations(target.migrationsDir));
  const ask = (engine: SchemaEngine) => engine.devDiagnostic({ migrationsList, filters: NO_FILTERS });
  const makeShadow = (name: string) => makeBeside(target, name);
  const { action } = await withEngine(target.url.reveal(), ask, { makeShadow });
  return action.tag === 'reset' ? (action.reason.trim().split('\n')[0] ?? '') : undefined;
}
