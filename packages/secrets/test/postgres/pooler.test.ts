// Uses PostgreSQL behind PgBouncer: with auth_query, with a file of users, and with a login of its own.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestPgBouncer, testRoot } from '@drydock/sandbox/testing';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { as, open, PASSWORDS, productOf, refusal, startWorld, urlOf, verifierOf, type World, write } from './world.ts';

const test = suite('PostgreSQL login behind a pooler');
let world: World;
test.before(async () => {
  world = await startWorld();
  await world.query(`CREATE ROLE asks LOGIN SUPERUSER PASSWORD '${verifierOf('canary-asks')}'`);
});
test.after(() => world.stop());

const server = (user: string, password: string) => ({ host: world.host, port: world.port, user, password });
const through = (port: number, user = 'app_a', password = PASSWORDS.app_a) =>
  `postgresql://${user}:${password}@127.0.0.1:${port}/shop`;
const env = (url: string) => ({ DATABASE_URL: url, ROTATOR_URL: as(world, 'rotator', PASSWORDS.rotator) });

async function type(consoleUrl: string, command: string): Promise<void> {
  const client = new pg.Client({ connectionString: consoleUrl });
  await client.connect();
  await client.query(command);
  await client.end();
}

async function reset() {
  await world.query(
    `ALTER ROLE app_a LOGIN PASSWORD '${verifierOf(PASSWORDS.app_a)}'; ALTER ROLE app_b NOLOGIN PASSWORD NULL`,
  );
}

for (const mode of ['session', 'transaction'] as const)
  test(`auth_query, ${mode} pooling: it knows the new login by itself; what it keeps for the old one is a straggler`, async () => {
    const pooler = await startTestPgBouncer(server('asks', 'canary-asks'), mode, 'query');
    try {
      const root = productOf(env(through(pooler.port)));
      const { rotator, old } = await open(root);
      assert.match((await rotator.procedure()).says.join(), 'DATABASE_URL leads to a pooler');
      await rotator.refuse(old);
      const next = await rotator.make(old);
      await rotator.add(old, next);
      assert.match(await rotator.validate(old, next), 'DATABASE_URL: app_b gets in, works as app');
      write(root, next);
      const error = await refusal(rotator.retire(old, next));
      assert.is(error.code, 'STRAGGLERS');
      assert.match(error.message, 'from 127.0.0.1, pid ');
      assert.match(String(error.hint), 'RECONNECT');
      await type(pooler.consoleUrl, 'RECONNECT');
      // It closes them in the turn of its own clock.
      for (const until = Date.now() + 20_000; (await rotator.stragglers(old, next)).length > 0; )
        if (Date.now() > until) throw new Error('the pooler keeps its sessions');
      await rotator.retire(old, next);
      const proof = await rotator.proof(old, next);
      assert.is(proof.verdict, 'dead');
      assert.match(proof.says, 'login as app_a at the server itself: ');
    } finally {
      await pooler.stop();
      await reset();
    }
  });

test('a file of users: refused until the pooler knows the new login, which a command of ours tells it', async () => {
  const pooler = await startTestPgBouncer(server('-', '-'), 'transaction', 'file');
  const known = `"app_a" "${PASSWORDS.app_a}"\n"console" "throw-away-console"\n`;
  writeFileSync(pooler.userlist, known);
  await type(pooler.consoleUrl, 'RELOAD');
  try {
    const { rotator, old } = await open(productOf(env(through(pooler.port))));
    await rotator.refuse(old);
    const next = await rotator.make(old);
    await rotator.add(old, next);
    const error = await refusal(rotator.validate(old, next));
    assert.is(error.code, 'POOLER_KNOWS_NO_LOGIN');
    assert.match(error.message, 'The pooler of DATABASE_URL refuses app_b');
    await rotator.withdraw(old, next);

    const tell = join(testRoot('tell'), 'tell');
    writeFileSync(tell, `#!/bin/sh\nread line\nprintf '%s%s\\n' '${known}' "$line" > ${pooler.userlist}\n`);
    chmodSync(tell, 0o755);
    const told = await open(productOf(env(through(pooler.port)), { pooler: [tell] }));
    assert.match((await told.rotator.procedure()).says.join(), `${tell} tells it of the new login`);
    const again = await told.rotator.make(old);
    await told.rotator.add(old, again);
    await type(pooler.consoleUrl, 'RELOAD');
    await told.rotator.validate(old, again);
    assert.equal(await world.query('SELECT session_user::text AS who', urlOf(again)), [{ who: 'app_b' }]);
    // A file of users lets the old one in until somebody takes it out; the server does not.
    const closed = await open(productOf(env(through(pooler.port))), { emergency: true });
    await closed.rotator.retire(old, again);
    const proof = await closed.rotator.proof(old, again);
    assert.is(proof.verdict, 'dead', proof.says);
  } finally {
    await pooler.stop();
    await reset();
  }
});

test('a pooler that has a login of its own is no place for this rotation', async () => {
  const pooler = await startTestPgBouncer(server('asks', 'canary-asks'), 'transaction');
  try {
    const { rotator, old } = await open(productOf(env(through(pooler.port))));
    const error = await refusal(rotator.refuse(old));
    assert.is(error.code, 'POOLER_HAS_ITS_OWN_LOGIN');
    assert.match(error.message, 'DATABASE_URL logs in as app_a, and what it leads to works as asks');
  } finally {
    await pooler.stop();
  }
});

test.run();
