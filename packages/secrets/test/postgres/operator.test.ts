// Uses PostgreSQL: the login of the operator, on which lock and audit run, is rotated while a run of the operator's is under way.
import { connectPostgres, Secret } from '@drydock/kit';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { as, open, PASSWORDS, productOf, refusal, startWorld, urlOf, verifierOf, type World, write } from './world.ts';

const test = suite("rotation of the operator's PostgreSQL login");
let world: World;
test.before(async () => {
  world = await startWorld();
});
test.after(() => world.stop());

/** An owner of the schema that makes its own logins, as PostgreSQL lets it until 15; later a rotator beside it. */
async function product(role: string): Promise<{ root: string; url: string }> {
  await world.query(
    `CREATE ROLE ${role} LOGIN CREATEROLE CREATEDB PASSWORD '${verifierOf('canary-owner')}';
     GRANT pg_signal_backend, pg_read_all_stats TO ${role}; GRANT CREATE ON DATABASE shop TO ${role};
     CREATE SCHEMA ${role} AUTHORIZATION ${role}; ALTER DEFAULT PRIVILEGES FOR ROLE ${role} IN SCHEMA ${role} GRANT SELECT ON TABLES TO app`,
  );
  const url = as(world, role, 'canary-owner');
  await world.letRotate(role);
  const root = world.isBefore16
    ? productOf({ OPS_DATABASE_URL: url }, { variable: 'OPS_DATABASE_URL', rotator: undefined })
    : productOf(
        { OPS_DATABASE_URL: url, ROTATOR_URL: as(world, 'rotator', PASSWORDS.rotator) },
        { variable: 'OPS_DATABASE_URL' },
      );
  const { rotator, old } = await open(root);
  await (await rotator.adoption?.(old))?.run();
  return { root, url };
}
const NAME = 'OPS_DATABASE_URL';
const lockOf = (url: string) => connectPostgres(new Secret(url), 'drydock lock 01JRUN');

test('the run that promotes blocks its own retire; a later one closes the old login, and its session goes on', async () => {
  const { root, url } = await product('ops');
  const lock = await lockOf(url);
  const { rotator, old } = await open(root);
  assert.equal((await rotator.procedure()).redeploys, false);
  assert.equal(rotator.productVariables, []);
  await rotator.refuse(old);
  const next = await rotator.make(old);
  await rotator.add(old, next);
  await rotator.validate(old, next);
  write(root, rotator.promoted(old, next));
  const error = await refusal(rotator.retire(old, next));
  assert.is(error.code, 'STRAGGLERS');
  assert.match(error.message, 'drydock lock 01JRUN from 127.0.0.1');
  await lock.end();
  const later = await open(root, { from: old });
  const held = await lockOf(urlOf(next, NAME));
  await later.rotator.retire(old, next);
  assert.is((await later.rotator.proof(old, next)).verdict, 'dead');
  // What it makes is the owner's, with the owner's default privileges.
  await held.query('CREATE TABLE ops.made (n int)');
  await held.query('CREATE DATABASE ops_scratch');
  await held.end();
  assert.equal(
    await world.query(
      `SELECT tableowner::text AS owner, has_table_privilege('app', 'ops.made', 'SELECT') AS app FROM pg_tables WHERE tablename = 'made'`,
    ),
    [{ owner: 'ops', app: true }],
  );
  // And taken back: by a run that holds its lock with the very login that is taken away.
  const third = await open(root);
  const another = await third.rotator.make(third.old);
  await third.rotator.add(third.old, another);
  const reverting = await lockOf(urlOf(another, NAME));
  await third.rotator.withdraw(third.old, another);
  assert.is((await reverting.query('SELECT 1')).rowCount, 1);
  await reverting.end();
});

test('in an emergency the same run closes it: its own session stays, and no other one does', async () => {
  const { root, url } = await product('owner');
  const lock = await lockOf(url);
  const thief = new pg.Client({ connectionString: url, application_name: 'drydock lock 01JRUN' });
  const ended = new Promise<string | undefined>((done) =>
    thief.on('error', (error) => done((error as { code?: string }).code)),
  );
  await thief.connect();
  const { rotator, old } = await open(root, { emergency: true });
  await rotator.refuse(old);
  const next = await rotator.make(old);
  await rotator.add(old, next);
  await rotator.validate(old, next);
  write(root, rotator.promoted(old, next));
  await rotator.retire(old, next);
  assert.is(await ended, '57P01');
  assert.is((await lock.query('SELECT 1')).rowCount, 1);
  assert.is((await rotator.proof(old, next)).verdict, 'dead');
  await rotator.retire(old, next);
  await lock.end();
});

test.run();
