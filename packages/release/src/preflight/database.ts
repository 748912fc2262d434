import {
  databaseSection,
  type Environment,
  isPgDumpOld,
  type LoadedConfig,
  lookAtDatabase,
  operatorUrl,
  type Secret,
  usageError,
  withPostgres,
} from '@drydock/kit';
import type { Question } from '../question.ts';

export function databaseQuestions(config: LoadedConfig, environment: Environment, run: string): Question[] {
  return [
    {
      about: 'database',
      async ask() {
        const { name, server, bytes } = await lookAtDatabase(config, environment, run);
        const old = isPgDumpOld(server);
        if (old) throw old;
        return `${name}, PostgreSQL ${server}, ${Math.ceil(bytes / 2 ** 20)} MiB`;
      },
    },
    { about: 'database of the product', ask: () => compareDatabases(config, environment) },
  ];
}

/** The product would go on without what is migrated, and write where nothing is backed up. */
async function compareDatabases(config: LoadedConfig, environment: Environment): Promise<string> {
  const { url, appUrl } = databaseSection.of(config);
  if (!environment.has(url) || !environment.has(appUrl) || url === appUrl) return 'the same variable';
  const [ours, its] = await Promise.all([
    whichDatabase(operatorUrl(config, environment)),
    whichDatabase(environment.secret(appUrl)),
  ]);
  if (ours.started === its.started && ours.oid === its.oid) return `${appUrl} and ${url} lead to it`;
  throw usageError(
    'ANOTHER_DATABASE',
    `${appUrl} of ${environment.name} leads to the database ${its.name}, and ${url} to ${ours.name}${ours.name === its.name ? ' of another server' : ''}: what is migrated and backed up is not what the product uses.`,
    'Set both to the same database.',
  );
}

/** Told apart by when its server was started, and by its number there: whatever lies between us and the server. */
async function whichDatabase(url: Secret): Promise<{ name: string; oid: number; started: string }> {
  return withPostgres(url, 'drydock preflight', async (client) => {
    const { rows } = await client.query<{ name: string; oid: number; started: string }>(
      `SELECT datname AS name, oid::bigint::int AS oid, extract(epoch FROM pg_postmaster_start_time())::text AS started
         FROM pg_database WHERE datname = current_database()`,
    );
    return rows[0] ?? { name: '', oid: 0, started: '' };
  });
}
