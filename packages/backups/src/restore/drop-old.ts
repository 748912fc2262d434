import { command, databaseOf, defineStep, dropDatabase, hint, type Secret, type Step, usageError } from '@drydock/kit';
import { exists, onServer } from './databases.ts';
import { named } from './plan.ts';

/** The database that a restore in place kept under another name. */
export async function planDropOld(url: Secret, run: string): Promise<string> {
  const old = named(databaseOf(url), 'before', run);
  const { there, others } = await onServer(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT datname AS name FROM pg_database WHERE datname LIKE '%\\_before\\_%' AND pg_get_userbyid(datdba) = current_user ORDER BY 1`,
    );
    return { there: await exists(client, old), others: rows.map(({ name }) => name) };
  });
  if (there) return old;
  throw usageError(
    'NOTHING_KEPT',
    `No database was kept by the run ${run}${others.length > 0 ? `; there are ${others.join(', ')}` : ''}.`,
    hint`The last lines of a restore in place name the run: ${command('ops:log')}`,
  );
}

export function dropOldStep(url: Secret, name: string): Step {
  return defineStep({
    name: 'drop',
    async run() {
      await onServer(url, (client) => dropDatabase(client, name, { evenTemplate: true }));
      return { name };
    },
  });
}
