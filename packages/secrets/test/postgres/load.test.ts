// Uses PostgreSQL under 200 queries a second of two processes, each of which is started again at every rotation.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { THOROUGH } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Values } from '../../src/values.ts';
import { as, open, PASSWORDS, productOf, startWorld, urlOf, verifierOf, type World, write } from './world.ts';

const test = suite('rotations of a PostgreSQL login under load');
const ROTATIONS = THOROUGH ? 20 : 2;
const QUERIES = THOROUGH ? 50_000 : 1_000;
const PROCESSES = 2;
const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

interface Counts {
  done: number;
  failed: number;
  errors: Record<string, number>;
}

let world: World;
const alive = new Set<ChildProcess>();
test.before(async () => {
  world = await startWorld({ settings: { log_statement: 'ddl' } });
});
test.after.each(async () => {
  for (const child of alive) child.kill('SIGKILL');
  await world.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shop';
     ALTER ROLE app_a LOGIN PASSWORD '${verifierOf(PASSWORDS.app_a)}'; ALTER ROLE app_b NOLOGIN PASSWORD NULL`,
  );
});
test.after(() => world.stop());

async function start(url: string): Promise<ChildProcess> {
  const child = fork(WORKER, {
    env: { PATH: process.env.PATH, DATABASE_URL: url },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  const [said] = (await once(child, 'message')) as [{ ready: boolean }];
  assert.ok(said.ready, 'it can query');
  return child;
}

async function stop(child: ChildProcess): Promise<Counts> {
  const ended = once(child, 'exit');
  const counts = new Promise<Counts>((done) => child.on('message', (said) => done(said as Counts)));
  child.kill('SIGTERM');
  await ended;
  return counts;
}

async function countsOf(children: ChildProcess[]): Promise<Counts[]> {
  return Promise.all(
    children.map(async (child) => {
      const said = once(child, 'message');
      child.send('?');
      return (await said)[0] as Counts;
    }),
  );
}

const sum = (all: Counts[]): Counts =>
  all.reduce(
    (one, { done, failed, errors }) => ({
      done: one.done + done,
      failed: one.failed + failed,
      errors: { ...one.errors, ...errors },
    }),
    { done: 0, failed: 0, errors: {} },
  );

async function load() {
  const root = productOf({
    DATABASE_URL: as(world, 'app_a', PASSWORDS.app_a),
    ROTATOR_URL: as(world, 'rotator', PASSWORDS.rotator),
  });
  const { old } = await open(root);
  const children = await Promise.all(Array.from({ length: PROCESSES }, () => start(urlOf(old))));
  const ended: Counts[] = [];
  return {
    root,
    children,
    ended,
    /** Each process in its turn: the new one answers before the old one ends. */
    async redeploy(values: Values) {
      for (let n = 0; n < PROCESSES; n++) {
        const before = children[n] as ChildProcess;
        children[n] = await start(urlOf(values));
        ended.push(await stop(before));
      }
    },
    async counts() {
      return sum([...ended, ...(await countsOf(children))]);
    },
    async end() {
      ended.push(...(await Promise.all(children.map(stop))));
      return sum(ended);
    },
  };
}

/** Until it is so, or for long enough that it never will be. */
async function until(is: () => Promise<boolean>, withinMs = 30_000): Promise<void> {
  for (const end = Date.now() + withinMs; !(await is()); await sleep(100)) if (Date.now() > end) return;
}

test(`${ROTATIONS} rotations in a row, no failed query`, async () => {
  const running = await load();
  for (let n = 1; n <= ROTATIONS; n++) {
    const again = async (from?: Values) => (await open(running.root, from ? { from } : {})).rotator;
    const { rotator, old } = await open(running.root);
    await rotator.refuse(old);
    const next = await rotator.make(old);
    await (await again(old)).add(old, next);
    await (await again(old)).validate(old, next);
    write(running.root, rotator.promoted(old, next));
    await running.redeploy(next);
    await until(async () => (await rotator.stragglers(old, next)).length === 0);
    await (await again(old)).retire(old, next);
    assert.is((await rotator.proof(old, next)).verdict, 'dead');
    // The login that is used now is used for a while.
    await until(async () => (await running.counts()).done >= (QUERIES * n) / ROTATIONS, 120_000);
  }
  const { done, failed, errors } = await running.end();
  assert.equal({ failed, errors }, { failed: 0, errors: {} });
  assert.ok(done >= QUERIES, `${done} queries`);
  console.log(`  ${ROTATIONS} rotations, ${done} queries, ${failed} failed`);
});

test('what must fail does: one role with a new password in its place', async () => {
  const running = await load();
  await world.query(`ALTER ROLE app_a PASSWORD '${verifierOf('canary-in-place')}'`);
  await until(async () => (await running.counts()).failed > 0);
  const { failed, errors } = await running.end();
  assert.ok(failed > 0);
  assert.ok(errors['28P01'], JSON.stringify(errors));
});

test('what must fail does: the old login is closed while the product has it', async () => {
  const running = await load();
  const { rotator, old } = await open(running.root, { emergency: true });
  const next = await rotator.make(old);
  await rotator.add(old, next);
  await rotator.retire(old, next);
  await until(async () => (await running.counts()).failed > 0);
  assert.ok((await running.end()).failed > 0);
});

test.run();
