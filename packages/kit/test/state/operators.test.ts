// Uses PostgreSQL. Two users in one checkout: as root tasks are started as root and as nobody; a lone user has nobody to share with.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeProduct } from '../product.ts';

const NOBODY = 65_534;
const SCRIPT = join(import.meta.dirname, '../fixtures/tasks.ts');
const canBeReached = (path: string): boolean =>
  (statSync(path).mode & 0o005) === 0o005 && (path === '/' || canBeReached(dirname(path)));
const suited = process.getuid?.() === 0 && canBeReached(import.meta.dirname);

const all = suite('two operators');
const test = suited ? all : all.skip;
let postgres: TestPostgres;
all.before(async () => {
  if (suited) postgres = await startTestPostgres();
});
all.after(() => postgres?.stop());

/** A checkout that both may write to; what is in it stays whose it is. */
async function checkout(): Promise<string> {
  const root = makeProduct({ OPS_DATABASE_URL: await postgres.createDatabase() });
  chmodSync(root, 0o1777);
  return root;
}

async function run(root: string, uid: number, task = 'change', args: string[] = [], home = '/nonexistent') {
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    cwd: root,
    uid,
    gid: uid,
    env: { PATH: process.env.PATH, HOME: home, CI: 'true', TEST_TASK: task },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}
const change = (root: string, uid: number) => {
  for (const name of ['world', 'go-on']) if (existsSync(join(root, name))) chmodSync(join(root, name), 0o666);
  return run(root, uid, 'change', ['--env', 'staging']);
};

test('each does their work, is told once where their state lies, and hears nothing of an error', async () => {
  const root = await checkout();
  for (const uid of [0, NOBODY, 0, NOBODY]) {
    const { code, said } = await change(root, uid);
    assert.is(code, 0, said);
    if (uid === NOBODY) assert.match(said, "is another operator's (uid 0); what you do is kept in .drydock-65534");
    else assert.not.match(said, /operator/);
  }
  assert.equal(readdirSync(join(root, '.drydock/runs')).length, 2);
  assert.equal(readdirSync(join(root, '.drydock-65534/runs')).length, 2);
});

test('where the product cannot be written to, journal and state lie in the home of whoever works; where there is none, it is said before anything is begun', async () => {
  const root = await checkout();
  chmodSync(root, 0o755);
  writeFileSync(join(root, 'world'), '', { mode: 0o666 });
  chmodSync(join(root, 'world'), 0o666);
  const home = makeProduct();
  chownSync(home, NOBODY, NOBODY);
  const work = (...args: string[]) => run(root, NOBODY, 'change', ['--env', 'staging', ...args], home);
  const failed = await work('--fail-in', 'two');
  assert.is(failed.code, 1, failed.said);
  const { code, said } = await work();
  assert.is(code, 0, said);
  const states = join(home, '.local/state/drydock');
  const [kept = ''] = readdirSync(states);
  assert.match(
    said,
    `${root} cannot be written by you; what you do is kept in ${join(states, kept)}, and seen by you alone.`,
  );
  assert.is(readdirSync(join(states, kept, 'runs')).length, 2);
  assert.not(existsSync(join(root, '.drydock')));
  const homeless = await run(root, NOBODY, 'change', ['--env', 'staging']);
  assert.is(homeless.code, 1, homeless.said);
  assert.match(homeless.said, 'cannot be written (');
  assert.match(homeless.said, 'XDG_STATE_HOME');
});

test('a journal and an event of the other, left where they once shared, are a sentence before and no error after the work', async () => {
  for (const [uid, other] of [
    [0, NOBODY],
    [NOBODY, 0],
  ] as const) {
    const root = await checkout();
    assert.is((await change(root, uid)).code, 0);
    const state = join(root, '.drydock');
    const run = join(state, 'runs/01OTHER');
    mkdirSync(run, { mode: 0o700 });
    const entry = {
      at: 't',
      run: '01OTHER',
      task: 'test:change',
      env: 'staging',
      seq: 1,
      event: 'run.started',
      data: {},
    };
    writeFileSync(join(run, 'journal.jsonl'), `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    mkdirSync(join(state, 'outbox/staging'), { recursive: true });
    const event = join(state, 'outbox/staging/01OTHER.json');
    writeFileSync(event, '{}', { mode: 0o600 });
    for (const path of [run, join(run, 'journal.jsonl'), event]) chownSync(path, other, other);
    for (let round = 0; round < 2; round++) {
      const { code, said } = await change(root, uid);
      assert.is(code, 0, said);
      assert.match(said, event);
      assert.match(said, 'another user');
    }
    assert.is(readFileSync(event, 'utf8'), '{}');
    for (const path of ['runs', 'outbox/staging']) {
      chmodSync(join(state, path), 0o700);
      chownSync(join(state, path), other, other);
    }
    const { code, said } = await change(root, uid);
    assert.is(code, 0, said);
    assert.match(said, `${join(state, 'runs')} belongs to another user (uid ${other}); it is set aside`);
    assert.match(said, `${join(state, 'outbox/staging')} belongs to another user`);
    assert.equal((await change(root, uid)).said.includes('another user'), false, 'said once');
  }
});

test("another user's config is not run", async () => {
  const root = await checkout();
  chownSync(join(root, 'drydock.config.ts'), NOBODY, NOBODY);
  const { code, said } = await change(root, 0);
  assert.is(code, 2);
  assert.match(said, 'belongs to another user (uid 65534)');
  assert.is(existsSync(join(root, 'world')), false);
  assert.is((await change(root, NOBODY)).code, 0);
});

all.run();
