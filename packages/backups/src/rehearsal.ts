import { type Environment, type LoadedConfig, type Secret, withPostgres } from '@drydock/kit';
import { refuseHoles } from './restore/holes.ts';
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
    const { skipped } = await pgRestore(readPlain(source, identity), empty, { jobs: 1, noOwner: true });
    refuseHoles(skipped);
    await withPostgres(empty, 'drydock rehearsal', (client) => client.query('DROP SCHEMA IF EXISTS drydock CASCADE'));
  };
}
