import { refuseUnfitSchema } from '../schema/refuse.ts';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';
import { compareHistory, type MigrationState } from './compare.ts';
import { type Migration, readMigrations } from './folder.ts';
import { readHistory } from './history.ts';

export async function readState(target: Target): Promise<MigrationState> {
  return (await readFolderAndState(target)).state;
}

/** With the migrations of the folder, in their order. */
export async function readFolderAndState(target: Target): Promise<{ state: MigrationState; migrations: Migration[] }> {
  await refuseUnfitSchema(target);
  const migrations = readMigrations(target.migrationsDir);
  const history = await looking(target.url, 'drydock db:status', readHistory);
  return { state: compareHistory(migrations, history), migrations };
}
