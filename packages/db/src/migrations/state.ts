import { refuseUnfitSchema } from '../schema/refuse.ts';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';
import { compareHistory, type MigrationState } from './compare.ts';
import { readMigrations } from './folder.ts';
import { readHistory } from './history.ts';

export async function readState(target: Target): Promise<MigrationState> {
  await refuseUnfitSchema(target);
  const migrations = readMigrations(target.migrationsDir);
  const history = await looking(target.url, 'drydock db:status', readHistory);
  return compareHistory(migrations, history);
}
