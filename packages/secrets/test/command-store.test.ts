// Uses Debian's pass and gpg, where they are installed.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool, loadConfig, loadEnvironment, type OpsError, Secret } from '@drydock/kit';
import { LeakScan, makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Place } from '../src/store/place.ts';
import { openPrevious, previousOf } from '../src/store/previous.ts';
import { storesOf } from '../src/store/stores.ts';
import type { SecretStore } from '../src/store/types.ts';
import { teamOf } from '../src/team/team.ts';

const test = suite('a program as a store');

async function place(stores: object, env: Record<string, string> = {}, signal = new AbortController().signal) {
  const root = makeStrangeProduct({ secrets: { stores } }, env);
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, 'staging', { PATH: process.env.PATH, ...env });
  return { config, environment, signal, team: teamOf(config, environment) };
}
const storeOf = (at: Place, name: string) => storesOf(at, [name])[0] as SecretStore;
const sh = (script: string, ...args: string[]) => ['sh', '-c', script, 'sh', ...args];
/** Keeps each value as a file; says what it does in a log. */
const FILES = {
  kind: 'command',
  read: sh('cat "kept-$1-$2" 2>/dev/null || { echo "no such thing" >&2; exit 1; }', '{env}', '{variable}'),
  write: sh('echo "write $2" >> log; cat > "kept-$1-$2"', '{env}', '{variable}'),
  remove: sh('echo "remove $2" >> log; rm "kept-$1-$2"', '{env}', '{variable}'),
  missing: 'no such thing',
};
async function refusal(work: () => unknown): Promise<OpsError> {
  try {
    await work();
  } catch (error) {
    return error as OpsError;
  }
  throw new Error('it was not refused');
}

test('values go in on standard input and come out on standard output; twice is once; what was there is kept encrypted', async () => {
  const at = await place({ files: FILES });
  const store = storeOf(at, 'files');
  const log = () => readFileSync(join(at.config.root, 'log'), 'utf8');
  await store.refuse(['A', 'B']);
  assert.equal(await store.read(['A', 'B']), { A: null, B: null });
  const values = { A: new Secret(`it's "so" $HOME #1`), B: new Secret('two\nlines') };
  await store.write(values);
  await store.write(values);
  assert.is(log(), 'write A\nwrite B\n');
  const read = await store.read(['A', 'B']);
  assert.equal([read.A?.reveal(), read.B?.reveal()], [`it's "so" $HOME #1`, 'two\nlines']);
  await store.write({ A: new Secret('new'), B: null });
  assert.is(log(), 'write A\nwrite B\nwrite A\nremove B\n');
  assert.equal((await store.read(['B'])).B, null);
  const kept = previousOf(at.config, 'staging');
  assert.equal(
    kept.map(({ of }) => of),
    ['files'],
  );
  assert.equal(JSON.parse(await openPrevious(kept[0] as never, at.team)), { A: `it's "so" $HOME #1`, B: 'two\nlines' });
});

test('a value is in no argument and in nothing that is said, also where the program repeats it and fails', async () => {
  const value = 'kP4thK3yZx81LmPxW2aB9cDe';
  const scan = new LeakScan({ value });
  const at = await place({
    slow: { ...FILES, write: sh('sleep 0.3; cat > "kept-$1-$2"', '{env}', '{variable}') },
    rude: { ...FILES, write: sh('read -r v; echo "what is $v?" >&2; exit 3') },
    leaky: { ...FILES, read: sh('echo kP4thK3yZx81LmPxW2aB9cDe; exit 3') },
    killed: { ...FILES, read: sh('echo kP4thK3yZx81LmPxW2aB9cDe; kill -9 $$') },
  });
  const watch = scan.watchArguments();
  await storeOf(at, 'slow').write({ A: new Secret(value) });
  watch.stop();
  assert.ok(scan.looked.processes > 0);
  const rude = await refusal(async () => storeOf(at, 'rude').write({ B: new Secret(value) }));
  assert.is(rude.code, 'STORE_REFUSED');
  assert.match(rude.message, 'rude did not take B: sh ended with exit code 3: what is ***?');
  scan.text('rude', rude.message);
  for (const name of ['leaky', 'killed']) {
    const { code, message, hint } = await refusal(async () => storeOf(at, name).read(['C']));
    assert.is(code, 'UNKNOWN');
    scan.text(name, `${message} ${JSON.stringify(hint)}`);
  }
  scan.folder(at.config.root, ['kept-staging-A', 'drydock.config.ts']);
  assert.equal(scan.leaks, []);
});

test('what does not answer is unknown: not there is said by the program alone, and every wait has a bound', async () => {
  const at = await place({
    broken: { ...FILES, read: sh('echo "connection refused" >&2; exit 2') },
    hangs: { ...FILES, read: sh('sleep 60'), timeoutMs: 200 },
  });
  const broken = await refusal(async () => storeOf(at, 'broken').read(['A']));
  assert.equal([broken.code, broken.exit], ['UNKNOWN', 1]);
  assert.match(broken.message, 'What broken holds as A cannot be told: sh ended with exit code 2: connection refused');
  const hangs = await refusal(async () => storeOf(at, 'hangs').refuse(['A']));
  assert.match(hangs.message, 'sh did not end within 200 ms');
  const controller = new AbortController();
  const slow = await place({ slow: { ...FILES, read: sh('sleep 60') } }, {}, controller.signal);
  const reading = refusal(async () => storeOf(slow, 'slow').read(['A']));
  controller.abort(new Error('interrupted'));
  assert.is((await reading).message, 'interrupted');
});

test('refused before anything is made: no program, no login, no way to take a value out, a name that is no store', async () => {
  const { remove: _, ...without } = FILES;
  const at = await place({
    absent: { ...FILES, write: ['no-such-program', '{variable}'] },
    closed: { ...FILES, check: sh('echo "not signed in" >&2; exit 1') },
    without,
  });
  const code = async (work: () => unknown) => {
    const { code: which, exit } = await refusal(work);
    assert.is(exit, 2);
    return which;
  };
  assert.is(await code(async () => storeOf(at, 'absent').refuse(['A'])), 'STORE_PROGRAM_MISSING');
  assert.is(await code(async () => storeOf(at, 'closed').refuse(['A'])), 'STORE_NOT_READY');
  const store = storeOf(at, 'without');
  await store.write({ A: new Secret('a') });
  assert.is(await code(() => store.write({ A: null, B: new Secret('b') })), 'STORE_CANNOT_REMOVE');
  assert.equal((await store.read(['B'])).B, null);
  assert.is(await code(() => storesOf(at, ['env', 'clsed'])), 'STORE_UNKNOWN');
});

test('a store that gives back something else than it was given is told', async () => {
  const at = await place({ cuts: { ...FILES, write: sh('head -c 3 > "kept-$1-$2"', '{env}', '{variable}') } });
  const error = await refusal(async () => storeOf(at, 'cuts').write({ A: new Secret('longer') }));
  assert.is(error.code, 'STORE_NOT_KEPT');
});

const pass = findTool('pass') && findTool('gpg');
(pass ? test : test.skip)("with Debian's pass", async () => {
  // gpg-agent's socket has a short path.
  const home = mkdtempSync(join(tmpdir(), 'dd-gpg-'));
  const env = { GNUPGHOME: home, PASSWORD_STORE_DIR: join(home, 'store'), PATH: process.env.PATH ?? '' };
  try {
    const gpg = [
      '--batch',
      '--quiet',
      '--passphrase',
      '',
      '--quick-generate-key',
      'test@example.org',
      'future-default',
      'default',
    ];
    execFileSync('gpg', gpg, { env, stdio: 'ignore' });
    execFileSync('pass', ['init', 'test@example.org'], { env, stdio: 'ignore' });
    const vault = {
      kind: 'command',
      read: ['pass', 'show', 'shop/{env}/{variable}'],
      write: ['pass', 'insert', '--multiline', '--force', 'shop/{env}/{variable}'],
      remove: ['pass', 'rm', '--force', 'shop/{env}/{variable}'],
    };
    const store = storeOf(await place({ vault }, env), 'vault');
    await store.refuse(['API_KEY']);
    assert.equal((await store.read(['API_KEY'])).API_KEY, null);
    for (const value of ['kP4thK3yZx81LmPxW2aB9cDe', `it's "so" $HOME #1`, 'two\nlines']) {
      await store.write({ API_KEY: new Secret(value) });
      assert.is((await store.read(['API_KEY'])).API_KEY?.reveal(), value);
      assert.is(execFileSync('pass', ['show', 'shop/staging/API_KEY'], { env, encoding: 'utf8' }), value);
    }
    await store.write({ API_KEY: null });
    assert.equal((await store.read(['API_KEY'])).API_KEY, null);
  } finally {
    execFileSync('gpgconf', ['--kill', 'all'], { env, stdio: 'ignore' });
    rmSync(home, { recursive: true, force: true });
  }
});
if (!pass) console.log('  pass is not installed: npm run prepare-machine -- test');

test.run();
