import type { Environment, LoadedConfig, Secret } from '@drydock/kit';
import { pgRestore } from './restore/pg-restore.ts';
import { readPlain } from './restore/plain.ts';
import { findBackup } from './restore/source.ts';

/** Fills an empty database with a backup, for a rehearsal: what belongs to roles that are not here is no loss. */
export async function rehearsalOnBackup(
  where: { config: LoadedConfig; environment: Environment },
  from: string,
): Promise<(empty: Secret) => Promise<void>> {
  const source = await findBackup(where, from);
  const identity = where.environment.secret(where.config.backups.identity);
  return async (empty) => {
    await pgRestore(readPlain(source, identity), empty, { jobs: 1, noOwner: true, excludeSchema: 'drydock' });
  };
}
