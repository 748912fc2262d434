// Uses PostgreSQL: who still has the old login is named, and keeps it from being closed.
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { as, open, PASSWORDS, productOf, refusal, startWorld, urlOf, type World } from './world.ts';

const test = suite('stragglers of a PostgreSQL login');
let world: World;
let root: string;
test.before(async () => {
  world = await startWorld();
  root = productOf({
    DATABASE_URL: as(world, 'app_a', PASSWORDS.app_a),
    ROTATOR_URL: as(world, 'rotator', PASSWORDS.rotator),
    OPS_DATABASE_URL: world.url,
  });
});
test.after(() => world.stop());

async function begun({ emergency = false } = {}) {
  const rotation = await open(root, { emergency });
  const next = await rotation.rotator.make(rotation.old);
  await rotation.rotator.add(rotation.old, next);
  return { ...rotation, next };
}

async function session(work: (client: pg.Client) => Promise<unknown>, application_name: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: as(world, 'app_a', PASSWORDS.app_a), application_name });
  client.on('error', () => {});
  await client.connect();
  await work(client);
  return client;
}

const canLogIn = async (role: string) =>
  (await world.query<{ can: boolean }>(`SELECT rolcanlogin AS can FROM pg_roles WHERE rolname = '${role}'`))[0]?.can;

test('a session that is idle in a transaction, a pool that never connects anew, and a prepared transaction', async () => {
  const { rotator, old, next } = await begun();
  const idle = await session((client) => client.query('BEGIN; SELECT n FROM things'), 'shop worker');
  const pool = await session((client) => client.query('SELECT 1'), 'shop pool');
  const prepares = (client: pg.Client) =>
    client.query(`BEGIN; INSERT INTO things VALUES (1); PREPARE TRANSACTION 'left "over"'`);
  await (await session(prepares, 'gone')).end();
  const found = await rotator.stragglers(old, next);
  assert.equal(
    found.map(({ who, host, state }) => [who, host, state]),
    [
      ['shop worker', '127.0.0.1', 'idle in transaction in database shop'],
      ['shop pool', '127.0.0.1', 'idle in database shop'],
      ['role app', 'no session', 'prepared transaction "left "over"" in database shop'],
    ],
  );
  const pids = [idle, pool].map((client) => String((client as unknown as { processID: number }).processID));
  assert.equal(
    found.map(({ pid }) => pid),
    [...pids, 'left "over"'],
  );
  assert.ok(found.every(({ ageSeconds }) => ageSeconds >= 0 && ageSeconds < 60));
  for (const end of [() => idle.end(), () => pool.end(), () => world.query(`ROLLBACK PREPARED 'left "over"'`)]) {
    const error = await refusal(rotator.retire(old, next));
    assert.equal([error.code, error.exit], ['STRAGGLERS', 3]);
    assert.ok(await canLogIn('app_a'));
    await end();
  }
  await rotator.retire(old, next);
  assert.not(await canLogIn('app_a'));
  assert.is((await rotator.proof(old, next)).verdict, 'dead');
  await world.query(`ALTER ROLE app_a LOGIN PASSWORD '${PASSWORDS.app_a}'; ALTER ROLE app_b NOLOGIN PASSWORD NULL`);
});

test('somebody who came while it was being closed keeps it open; what is prepared after that does not bring it back', async () => {
  const { rotator, old, next } = await begun();
  const late = await session((client) => client.query('SELECT 1'), 'late');
  // As a retire leaves it that was killed right behind its statement.
  await world.query('ALTER ROLE app_a NOLOGIN PASSWORD NULL');
  assert.is((await refusal(rotator.retire(old, next))).code, 'STRAGGLERS');
  assert.ok(await canLogIn('app_a'));
  await (await session((client) => client.query('SELECT 1'), 'again')).end();
  await late.end();
  await rotator.retire(old, next);
  await world.query(`BEGIN; INSERT INTO things VALUES (1); PREPARE TRANSACTION 'of the new one'`, urlOf(next));
  await rotator.retire(old, next);
  assert.not(await canLogIn('app_a'));
  await world.query(`ROLLBACK PREPARED 'of the new one'`);
  await world.query(`ALTER ROLE app_a LOGIN PASSWORD '${PASSWORDS.app_a}'; ALTER ROLE app_b NOLOGIN PASSWORD NULL`);
});

test('in an emergency the old one is refused at once, and its sessions end within two seconds', async () => {
  const { rotator, old, next, said } = await begun({ emergency: true });
  const clients = await Promise.all(
    Array.from({ length: 20 }, (_, n) => session((client) => client.query(n % 2 ? 'BEGIN' : 'SELECT 1'), 'theirs')),
  );
  const busy = clients.map((client) =>
    client.query('SELECT pg_sleep(60)').catch((error: { code: string }) => error.code),
  );
  const prepares = (client: pg.Client) =>
    client.query(`BEGIN; INSERT INTO things VALUES (1); PREPARE TRANSACTION 'left'`);
  await (await session(prepares, 'gone')).end();
  await rotator.retire(old, next);
  assert.is((await rotator.proof(old, next)).verdict, 'dead');
  assert.equal(new Set(await Promise.all(busy)), new Set(['57P01']));
  assert.match(said.join(), 'Left, for you to end: prepared transaction "left"');
  assert.equal(await world.query('SELECT n FROM things LIMIT 1', urlOf(next)), [{ n: 7 }]);
  await world.query(`ROLLBACK PREPARED 'left'`);
});

test.run();
