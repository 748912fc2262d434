import { createHash, randomBytes } from 'node:crypto';
import { quoteIdentifier, Secret, withPostgres } from '@drydock/kit';
import type { TestPostgres } from './test-postgres.ts';

/**
 * A part of a server that several test files use at once: databases whose names nobody else has, and a superuser that
 * owns them. `stop` drops both, and fails where the caller left something that all databases of the server share.
 */
export async function leasePostgres(server: string): Promise<TestPostgres> {
  const id = randomBytes(4).toString('hex');
  const [role, password] = [`drydock_${id}`, 'throw-away-password'];
  const sql = (statement: string) =>
    withPostgres(new Secret(server, 'the test'), 'test', async (client) => (await client.query(statement)).rows);
  const urlOf = (database: string, { user, password: pw } = { user: role, password }) =>
    Object.assign(new URL(server), { username: user, password: pw, pathname: `/${database}` }).href;
  await sql(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${password}'`);
  let made = 0;
  const { hostname: host, port } = new URL(server);
  const lease: TestPostgres = {
    host,
    port: Number(port),
    adminUrl: urlOf('postgres'),
    urlOf,
    async createDatabase(name = 'test', template = 'template1') {
      const database = `${name}_${++made}_${id}`;
      const [of, from] = [quoteIdentifier(database), quoteIdentifier(template)];
      await sql(`CREATE DATABASE ${of} OWNER ${role} TEMPLATE ${from}`);
      return urlOf(encodeURIComponent(database));
    },
    createFilled: async (key, fill) => lease.createDatabase('test', await makeTemplate(server, key, fill)),
    async stop() {
      const left = await sql(`SELECT datname AS name FROM pg_database WHERE pg_get_userbyid(datdba) = '${role}'`);
      for (const { name } of left) await sql(`DROP DATABASE ${quoteIdentifier(name)} WITH (FORCE)`);
      await sql(`DROP ROLE ${role}`);
    },
  };
  return lease;
}

/** The name of a database that stays for the others. Whoever asks for it while it is made waits. */
async function makeTemplate(server: string, key: string, fill: (url: string) => Promise<void>): Promise<string> {
  const name = `template_${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
  const making = `${name}_making`;
  return withPostgres(new Secret(server, 'the test'), 'test', async (client) => {
    await client.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount) return name;
    // One that was killed while it made it leaves the beginning of one.
    await client.query(`DROP DATABASE IF EXISTS ${making} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${making}`);
    await fill(Object.assign(new URL(server), { pathname: `/${making}` }).href);
    await client.query(`ALTER DATABASE ${making} RENAME TO ${name}`);
    return name;
  });
}
