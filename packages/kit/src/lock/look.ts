import type { LoadedConfig } from '../config/load.ts';
import { operatorUrl } from '../env/operator-url.ts';
import type { Environment } from '../env/types.ts';
import { connectPostgres } from '../postgres.ts';
import { heldBy, takesWrites, unlockCommand } from './environment.ts';
import { refuseAnother } from './identity.ts';
import { refusePooler } from './pooler.ts';
import { lockedError } from './refusal.ts';

export interface DatabaseLook {
  /** `15.18` */
  server: string;
  name: string;
  bytes: number;
}

/**
 * Could a run work on this database? Asks all that its lock would, in the same words, and takes none. `run` may hold it; another's is
 * LOCKED (exit 5).
 */
export async function lookAtDatabase(
  config: LoadedConfig,
  environment: Environment,
  run: string,
): Promise<DatabaseLook> {
  const url = operatorUrl(config, environment);
  const connect = () => connectPostgres(url, 'drydock preflight');
  const client = await connect();
  try {
    await refuseAnother(client, { product: config.product, environment: environment.name });
    await refusePooler(client, url.label, connect);
    await takesWrites(client, environment.name, false);
    const holder = await heldBy(client);
    if (holder && holder.run !== run) throw lockedError(environment.name, holder, unlockCommand(environment.name));
    const { rows } = await client.query<{ server: string; name: string; bytes: string }>(
      `SELECT split_part(current_setting('server_version'), ' ', 1) AS server, current_database() AS name,
              pg_database_size(current_database()) AS bytes`,
    );
    const { server = '', name = '', bytes = 0 } = rows[0] ?? {};
    return { server, name, bytes: Number(bytes) };
  } finally {
    await client.end();
  }
}
