// Uses Debian's age, where it is installed.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool, loadConfig, loadEnvironment, runningProcesses, Secret } from '@drydock/kit';
import { bareEnvironment, makeStrangeProduct, runTaskForTest, taskProcesses } from '@drydock/kit/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import openTask from '../scripts/open.ts';
import sealTask from '../scripts/seal.ts';
import { sealAnew } from '../src/at-rest/anew.ts';
import { dotenvStore } from '../src/store/dotenv.ts';
import { seal as sealTo } from '../src/team/seal.ts';
import { teamOf } from '../src/team/team.ts';

const test = suite('values at rest');
const [ada, bob] = [await generateIdentity(), await generateIdentity()];
const recipients = [
  { name: 'ada', recipient: await identityToRecipient(ada) },
  { name: 'bob', recipient: await identityToRecipient(bob) },
];
const TEXT = `# what staging runs with\r\nSECRETS_IDENTITY=key.txt\nAPI_KEY='it"s'\nPUBLIC_URL=http://x\n`;

function product(text = TEXT, team: object[] = recipients): string {
  const root = makeStrangeProduct({ secrets: { team: { recipients: team } } });
  writeFileSync(join(root, '.env.staging'), text);
  writeFileSync(join(root, 'key.txt'), `${ada}\n`, { mode: 0o600 });
  return root;
}
/** The same checkout on another machine: what git has, and the key. */
function cloneOf(root: string): string {
  const clone = product('SECRETS_IDENTITY=key.txt\n');
  for (const name of readdirSync(root).filter((one) => /\.age(\.recipients)?$/.test(one)))
    writeFileSync(join(clone, name), readFileSync(join(root, name)));
  return clone;
}
const read = (root: string, name = '.env.staging') => readFileSync(join(root, name), 'utf8');
const seal = (root: string, ...args: string[]) => runTaskForTest(sealTask, root, ['--env', 'staging', ...args]);
const open = (root: string, ...args: string[]) => runTaskForTest(openTask, root, ['--env', 'staging', ...args]);
async function place(root: string) {
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, 'staging', {});
  return { config, environment, team: teamOf(config, environment) };
}
const sealedText = async (root: string) => (await place(root)).team.open(read(root, '.env.staging.age'), 'it');
const foldersOf = () =>
  ['/dev/shm', tmpdir()].flatMap((base) =>
    existsSync(base)
      ? readdirSync(base)
          .filter((name) => name.startsWith('drydock-edit-'))
          .map((name) => join(base, name))
      : [],
  );

test('sealed as .env.<env>.age, whole, armored, for each of the team; beside it stands who can open it', async () => {
  const root = product();
  const { outcome } = await seal(root);
  assert.is(outcome?.verdict, '1 file of staging sealed for ada, bob.');
  for (const key of [ada, bob]) {
    writeFileSync(join(root, 'other.txt'), `${key}\n`, { mode: 0o600 });
    const age = findTool('age');
    if (age)
      assert.is(
        execFileSync(age, ['-d', '-i', join(root, 'other.txt'), join(root, '.env.staging.age')], { encoding: 'utf8' }),
        TEXT,
      );
  }
  assert.is(await sealedText(root), TEXT);
  const list = read(root, '.env.staging.age.recipients');
  assert.match(list, `# ada\n${recipients[0]?.recipient}\n# bob\n`);
  const age = findTool('age');
  if (age) execFileSync(age, ['-a', '-R', join(root, '.env.staging.age.recipients')], { input: 'x' });
  assert.match((await seal(root)).outcome?.verdict ?? '', 'What staging has at rest is what its env files hold');
});

test('opened on another machine, 0600; one that was changed there since is not replaced, and its variables are named', async () => {
  const root = product();
  await seal(root);
  const clone = cloneOf(root);
  const refused = await open(clone);
  assert.equal([refused.error?.code, refused.error?.exit], ['ENV_FILE_DIFFERS', 4]);
  assert.match(refused.error?.message ?? '', 'API_KEY, PUBLIC_URL');
  assert.not.match(refused.error?.message ?? '', 'it"s');
  assert.ok((await open(clone, '--overwrite')).outcome);
  assert.is(read(clone), TEXT);
  assert.is(statSync(join(clone, '.env.staging')).mode & 0o777, 0o600);
  // Sealed anew by the other: what was not touched here is older, and is replaced without a word.
  writeFileSync(join(root, '.env.staging'), TEXT.replace('it"s', 'new'));
  await seal(root);
  for (const name of ['.env.staging.age', '.env.staging.age.recipients'])
    writeFileSync(join(clone, name), read(root, name));
  assert.match((await open(clone)).outcome?.verdict ?? '', '1 env file of staging written');
  assert.match(read(clone), "API_KEY='new'");
});

test('what somebody else has sealed since is not sealed over, unless that is meant; the version before stays', async () => {
  const root = product();
  await seal(root);
  const clone = cloneOf(root);
  await open(clone, '--overwrite');
  writeFileSync(join(clone, '.env.staging'), TEXT.replace('it"s', 'theirs'));
  await seal(clone);
  for (const name of ['.env.staging.age', '.env.staging.age.recipients'])
    writeFileSync(join(root, name), read(clone, name));
  writeFileSync(join(root, '.env.staging'), TEXT.replace('it"s', 'mine'));
  const { error } = await seal(root);
  assert.equal([error?.code, error?.exit], ['SEALED_DIFFERS', 4]);
  assert.match(error?.message ?? '', 'API_KEY');
  assert.ok((await seal(root, '--overwrite')).outcome);
  assert.match(await sealedText(root), "API_KEY='mine'");
  assert.equal(readdirSync(join(root, '.drydock/secrets/previous/staging')), ['.env.staging.age.1.age']);
});

test('nothing to seal, nothing at rest, no key, a key of nobody, damage: each in a sentence', async () => {
  const code = async (work: Promise<{ error?: { code: string } }>) => (await work).error?.code;
  assert.is(await code(seal(product('PUBLIC_URL=http://x\n'))), 'NOTHING_TO_SEAL');
  assert.is(await code(open(product())), 'NOTHING_AT_REST');
  const root = product();
  await seal(root);
  writeFileSync(join(root, '.env.staging'), TEXT.replace('SECRETS_IDENTITY=key.txt', 'SECRETS_IDENTITY='));
  assert.is(await code(open(root)), 'NO_KEY');
  writeFileSync(join(root, '.env.staging'), TEXT);
  writeFileSync(join(root, 'key.txt'), `${await generateIdentity()}\n`);
  assert.is(await code(open(root)), 'WRONG_KEY');
  writeFileSync(join(root, 'key.txt'), `${ada}\n`);
  writeFileSync(join(root, '.env.staging.age'), read(root, '.env.staging.age').slice(0, 200));
  assert.is(await code(open(root)), 'SEALED_DAMAGED');
});

test('after a rotation has written the env file, what is at rest has the new value, and keeps all else that is sealed', async () => {
  const root = product();
  await seal(root);
  // Somebody has edited what is at rest, and it was not opened here.
  const at = await place(root);
  const theirs = TEXT.replace('http://x', 'http://theirs');
  writeFileSync(join(root, '.env.staging.age'), await at.team.seal(theirs));
  const values = { API_KEY: new Secret('rotated') };
  await dotenvStore(at).write(values);
  assert.equal(await sealAnew(at, values), { sealed: ['.env.staging.age'], left: [] });
  assert.is(await sealedText(root), theirs.replace(`'it"s'`, `'rotated'`));
  assert.equal(await sealAnew(at, values), { sealed: [], left: [] });
  // Encrypted to others alone: what is in it would be lost.
  writeFileSync(join(root, '.env.staging.age'), await sealTo(theirs, [recipients[1]?.recipient ?? '']));
  assert.equal(await sealAnew(at, { API_KEY: new Secret('again') }), { sealed: [], left: ['.env.staging.age'] });
});

/** An editor that is a few lines of shell; `$1` is the file. */
function editor(root: string, script: string): NodeJS.ProcessEnv {
  const file = join(root, 'editor.sh');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return { EDITOR: file, SHLVL: '1' };
}
async function edit(root: string, script: string, ...args: string[]) {
  const ended = await taskProcesses(root, editor(root, script)).ask('secrets:edit', ...args);
  assert.equal(foldersOf(), [], 'no plain text is left');
  return ended;
}

test('edited in place, in a folder of our own, and sealed anew; nothing of it is left behind', async () => {
  const root = product();
  await seal(root);
  const done = await edit(
    root,
    `echo "$1" > ${root}/where; stat -c %a "$1" "$(dirname "$1")" >> ${root}/where; sed -i s/http:.*/http:edited/ "$1"; cp "$1" "$1~"`,
  );
  assert.equal([done.code, done.data.changed, done.data.variables], [0, true, ['PUBLIC_URL']]);
  assert.is(await sealedText(root), TEXT.replace('http://x', 'http:edited'));
  assert.match(read(root, 'where'), existsSync('/dev/shm') ? /^\/dev\/shm\/drydock-edit-/ : /drydock-edit-/);
  assert.match(read(root, 'where'), /\n600\n700\n$/);
  assert.is(read(root), TEXT, 'the env file is for secrets:open');
  const same = await edit(root, 'true');
  assert.equal([same.code, same.data.changed], [0, false]);
  assert.match(JSON.stringify(same.findings), 'EDITOR_AT_ONCE');
});

test('an editor that dies, is killed, empties it or writes what does not parse: nothing is sealed, and what was written is what the next one begins with', async () => {
  const root = product();
  await seal(root);
  const before = read(root, '.env.staging.age');
  const fails = async (script: string, code: string) => {
    const { error } = await edit(root, script);
    assert.is(error?.code, code, script);
    assert.is(read(root, '.env.staging.age'), before);
  };
  await fails('exit 3', 'EDITOR_FAILED');
  await fails('kill -9 $$', 'EDITOR_FAILED');
  await fails('rm "$1"', 'EDITOR_FAILED');
  await fails(': > "$1"', 'EDIT_NOT_READ');
  await edit(root, 'true', '--discard');
  await fails('echo "NEW=1" >> "$1"; exit 1', 'EDITOR_FAILED');
  await fails('echo "oops this is no variable" >> "$1"', 'EDIT_NOT_READ');
  const mended = await edit(root, 'sed -i /oops/d "$1"');
  assert.equal([mended.code, mended.data.variables], [0, ['NEW']]);
  assert.is(await sealedText(root), `${TEXT}NEW=1\n`);
});

test('an editor that goes to the background and returns at once is waited for', async () => {
  const root = product();
  await seal(root);
  const done = await edit(root, '(sleep 1; echo LATE=1 >> "$1") >/dev/null 2>&1 &');
  assert.equal([done.code, done.data.variables], [0, ['LATE']]);
});

test('killed with us (SIGKILL): the next run takes the plain text away and goes on with what was written', async () => {
  const root = product();
  await seal(root);
  const env = editor(root, `echo KEPT=1 >> "$1"; touch ${root}/written; exec sleep 60`);
  const child = spawn(process.execPath, [join(import.meta.dirname, '../scripts/edit.ts'), '--env', 'staging'], {
    cwd: root,
    env: bareEnvironment(env),
    stdio: 'ignore',
    detached: true,
  });
  while (!existsSync(join(root, 'written'))) await new Promise((done) => setTimeout(done, 20));
  assert.is(foldersOf().length, 1);
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await once(child, 'close');
  const next = await edit(root, 'true');
  assert.match(next.stderr, 'An edit of .env.staging.age was killed');
  assert.equal([next.code, next.data.variables], [0, ['KEPT']]);
  assert.is(await sealedText(root), `${TEXT}KEPT=1\n`);
});

test('stopped (SIGTERM): the editor ends with us, nothing is left in the clear, and what was written is kept', async () => {
  const root = product();
  await seal(root);
  const env = editor(root, `echo KEPT=1 >> "$1"; echo $$ > ${root}/pid; touch ${root}/written; exec sleep 60`);
  const child = taskProcesses(root, env).start('secrets:edit');
  while (!existsSync(join(root, 'written'))) await new Promise((done) => setTimeout(done, 20));
  child.kill('SIGTERM');
  const [code] = await once(child, 'close');
  assert.is(code, 130);
  const pid = Number(readFileSync(join(root, 'pid'), 'utf8'));
  assert.not.ok(runningProcesses().some((running) => running.pid === pid));
  assert.equal(foldersOf(), []);
  const next = await edit(root, 'true');
  assert.equal(next.data.variables, ['KEPT']);
});

test('two who edit at once: what the other has sealed is not overwritten, and what was written is kept', async () => {
  const root = product();
  await seal(root);
  const { team } = await place(root);
  writeFileSync(join(root, 'theirs'), await team.seal(TEXT.replace('http://x', 'http://theirs')));
  const { error } = await edit(root, `echo MINE=1 >> "$1"; cp ${root}/theirs ${root}/.env.staging.age`);
  assert.is(error.code, 'FILE_CHANGED');
  assert.match(await sealedText(root), 'http://theirs');
  assert.is((await edit(root, 'true')).error.code, 'DRAFT_OUTDATED');
  const discarded = await edit(root, 'true', '--discard');
  assert.is(discarded.code, 0);
});

test.run();
