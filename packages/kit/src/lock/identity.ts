import type { Client } from 'pg';
import { databaseSection } from '../config/database.ts';
import type { LoadedConfig } from '../config/load.ts';
import { operatorUrl } from '../env/operator-url.ts';
import type { Environment } from '../env/types.ts';
import { EXIT, OpsError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import { isDatabaseMissing, isUnreachable, withPostgres } from '../postgres.ts';
import { ensureOwnTable } from '../sql/own-table.ts';

/** What a database says of itself, in schema `drydock`: it wins over whatever leads to it. */
export interface DatabaseIdentity {
  /** Unknown where only the audit log tells: that names no product. */
  product: string | undefined;
  environment: string;
}

/** Undefined for a database that no task has changed yet. One from before there was a row is known by its audit log. */
export async function readIdentity(client: Client): Promise<DatabaseIdentity | undefined> {
  const { rows } = await client.query<{ identity: string | null; audit: string | null }>(
    `SELECT to_regclass('drydock.identity')::text AS identity, to_regclass('drydock."AuditEvent"')::text AS audit`,
  );
  if (rows[0]?.identity) {
    const said = await client.query<DatabaseIdentity>('SELECT product, environment FROM drydock.identity');
    if (said.rows[0]) return said.rows[0];
  }
  if (!rows[0]?.audit) return undefined;
  const last = await client.query<{ environment: string }>(
    `SELECT env AS environment FROM drydock."AuditEvent" WHERE env <> '' ORDER BY seq DESC LIMIT 1`,
  );
  return last.rows[0] && { product: undefined, environment: last.rows[0].environment };
}

/** Throws WRONG_ENVIRONMENT (exit 4) when the database is another environment's, or another product's. */
export async function refuseAnother(client: Client, meant: { product: string; environment: string }): Promise<void> {
  const said = await readIdentity(client);
  if (!said) return;
  const isOther = said.environment !== meant.environment;
  if (!isOther && (said.product === undefined || said.product === meant.product)) return;
  const name = (await client.query<{ name: string }>('SELECT current_database() AS name')).rows[0]?.name;
  throw new OpsError({
    code: 'WRONG_ENVIRONMENT',
    message: `The database ${name} says that it is ${said.environment}${said.product ? ` of ${said.product}` : ''}, not ${meant.environment} of ${meant.product}; nothing was changed.`,
    hint: hint`${command('env:check', { env: meant.environment })} shows where its address comes from. If the database is meant to be ${meant.environment} from now on: ${command('env:claim', { env: meant.environment, reason: '…' })}`,
    exit: EXIT.refused,
  });
}

/** Writes down whose the database is from now on. Called under the operations lock. */
export async function writeIdentity(client: Client, meant: { product: string; environment: string }): Promise<void> {
  await ensureOwnTable(
    client,
    'identity',
    `one boolean PRIMARY KEY DEFAULT true CHECK (one),
     product text NOT NULL, environment text NOT NULL, since timestamptz NOT NULL DEFAULT now()`,
  );
  await client.query(
    `INSERT INTO drydock.identity (product, environment) VALUES ($1, $2)
     ON CONFLICT (one) DO UPDATE SET product = $1, environment = $2, since = now()
     WHERE (identity.product, identity.environment) <> ($1, $2)`,
    [meant.product, meant.environment],
  );
}

/** As `refuseAnother`, for what takes no lock: a plan, Prisma's own CLI. A database that cannot be reached refuses nothing. */
export async function refuseForeignDatabase(config: LoadedConfig, environment: Environment): Promise<void> {
  const { url, appUrl } = databaseSection.of(config);
  if (!environment.has(url) && !environment.has(appUrl)) return;
  try {
    await withPostgres(operatorUrl(config, environment), 'drydock identity', (client) =>
      refuseAnother(client, { product: config.product, environment: environment.name }),
    );
  } catch (error) {
    if (!isUnreachable(error) && !isDatabaseMissing(error)) throw error;
  }
}
