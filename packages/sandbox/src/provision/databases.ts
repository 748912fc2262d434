import { connectPostgres, type EnvName, quoteIdentifier as q, Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { adminUrl } from '../services/postgres.ts';
import { type SandboxState, secretsOf } from '../state.ts';

export interface DatabaseRoles {
  database: string;
  owner: string;
  app: string;
  login: string;
  /** May make, close and watch the logins of the other two, and nothing else. */
  rotator: string;
}

export function rolesOf(env: EnvName): DatabaseRoles {
  return {
    database: `marketplace_${env}`,
    owner: `${env}_owner`,
    app: `${env}_app`,
    login: `${env}_app_a`,
    rotator: `${env}_rotator`,
  };
}

/** The two logins of a role, of which a rotation uses one. */
const loginsOf = (role: string) => [`${role}_a`, `${role}_b`];

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
  const { database, owner, app, login, rotator } = rolesOf(env);
  const { ownerPassword, appPassword, rotatorPassword } = secretsOf(state, env);
  await ensureRole(admin, owner, `LOGIN CREATEDB PASSWORD ${admin.escapeLiteral(ownerPassword)}`);
  await ensureRole(admin, app, 'NOLOGIN');
  await ensureRole(admin, login, `LOGIN PASSWORD ${admin.escapeLiteral(appPassword)} IN ROLE ${q(app)}`);
  await ensureRole(admin, rotator, `LOGIN CREATEROLE PASSWORD ${admin.escapeLiteral(rotatorPassword)}`);
  for (const role of [owner, app]) {
    for (const one of loginsOf(role)) await ensureLogin(admin, one, role);
    await letAdminister(admin, rotator, [role, ...loginsOf(role)]);
  }
  await admin.query(`GRANT pg_signal_backend, pg_read_all_stats TO ${q(owner)}, ${q(rotator)}`);
  const exists = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
  if (exists.rowCount === 0) await admin.query(`CREATE DATABASE ${q(database)} OWNER ${q(owner)}`);
  await admin.query(`REVOKE ALL ON DATABASE ${q(database)} FROM PUBLIC`);
  await admin.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${q(database)} TO ${q(app)}`);
  await admin.query(`GRANT CONNECT ON DATABASE ${q(database)} TO ${q(rotator)}`);
}

/** From PostgreSQL 16 on CREATEROLE alone opens no role. */
async function letAdminister(admin: Client, rotator: string, roles: string[]): Promise<void> {
  const { rows } = await admin.query<{ needed: boolean }>(
    `SELECT current_setting('server_version_num')::int >= 160000 AS needed`,
  );
  if (!rows[0]?.needed) return;
  await admin.query(`GRANT ${roles.map(q).join(', ')} TO ${q(rotator)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`);
}

/** Works as its owner; whether it may log in is a rotation's. */
async function ensureLogin(admin: Client, login: string, owner: string): Promise<void> {
  await ensureRole(admin, login, `NOLOGIN IN ROLE ${q(owner)}`);
  await admin.query(`ALTER ROLE ${q(login)} SET role TO ${admin.escapeLiteral(owner)}`);
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
    // What is there already too: `prisma migrate reset` makes the schema anew. In the owner's name: the views of an extension are not theirs to grant,
    // and no restore could grant them again.
    await client.query(
      `REVOKE INSERT, UPDATE, DELETE, SELECT ON pg_stat_statements, pg_stat_statements_info FROM ${q(app)}`,
    );
    await client.query(`SET ROLE ${q(owner)}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${q(app)}`);
    await client.query(`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ${q(app)}`);
    await client.query('RESET ROLE');
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
