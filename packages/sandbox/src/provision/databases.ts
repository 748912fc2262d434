import { connectPostgres, type EnvName, quoteIdentifier as q, Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { adminUrl } from '../services/postgres.ts';
import { type SandboxState, secretsOf } from '../state.ts';

export interface DatabaseRoles {
  database: string;
  owner: string;
  app: string;
  login: string;
}

export function rolesOf(env: EnvName): DatabaseRoles {
  return { database: `marketplace_${env}`, owner: `${env}_owner`, app: `${env}_app`, login: `${env}_app_a` };
}

/** A database and its own roles per environment; nobody else may connect. Safe to repeat. */
export async function provisionDatabases(state: SandboxState, port: number): Promise<void> {
  const admin = await connectPostgres(
    new Secret(adminUrl(port, state.postgresPassword), 'the sandbox'),
    'drydock sandbox',
  );
  const environments = Object.keys(state.environments);
  try {
    for (const env of environments) await provisionRoles(admin, env, state);
  } finally {
    await admin.end();
  }
  for (const env of environments) await provisionSchema(state, port, env);
}

async function provisionRoles(admin: Client, env: EnvName, state: SandboxState): Promise<void> {
  const { database, owner, app, login } = rolesOf(env);
  const { ownerPassword, appPassword } = secretsOf(state, env);
  await ensureRole(admin, owner, `LOGIN CREATEDB PASSWORD ${admin.escapeLiteral(ownerPassword)}`);
  await ensureRole(admin, app, 'NOLOGIN');
  await ensureRole(admin, login, `LOGIN PASSWORD ${admin.escapeLiteral(appPassword)} IN ROLE ${q(app)}`);
  await admin.query(`GRANT pg_signal_backend, pg_read_all_stats TO ${q(owner)}`);
  const exists = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
  if (exists.rowCount === 0) await admin.query(`CREATE DATABASE ${q(database)} OWNER ${q(owner)}`);
  await admin.query(`REVOKE ALL ON DATABASE ${q(database)} FROM PUBLIC`);
  await admin.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${q(database)} TO ${q(app)}`);
}

/** Passwords are set once: a rotation may have changed them since. */
async function ensureRole(admin: Client, role: string, options: string): Promise<void> {
  const exists = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
  if (exists.rowCount === 0) await admin.query(`CREATE ROLE ${q(role)} ${options}`);
}

/** The product's role may use what the owner makes, now and later, and change no table's shape. */
async function provisionSchema(state: SandboxState, port: number, env: EnvName): Promise<void> {
  const { database, owner, app } = rolesOf(env);
  const client = await connectPostgres(
    new Secret(adminUrl(port, state.postgresPassword, database), 'the sandbox'),
    'drydock sandbox',
  );
  try {
    await client.query(`ALTER SCHEMA public OWNER TO ${q(owner)}`);
    await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await client.query(`GRANT USAGE ON SCHEMA public TO ${q(app)}`);
    // What is there already too: `prisma migrate reset` makes the schema anew.
    await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${q(app)}`);
    await client.query(`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ${q(app)}`);
    await client.query(
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${q(owner)} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${q(app)}`,
    );
    await client.query(
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${q(owner)} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO ${q(app)}`,
    );
  } finally {
    await client.end();
  }
}
