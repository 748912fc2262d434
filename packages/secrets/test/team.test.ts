// Uses Debian's age, where it is installed.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, loadConfig, loadEnvironment, type OpsError, Secret } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { open, seal } from '../src/team/seal.ts';
import { teamOf } from '../src/team/team.ts';

const test = suite('the team');
const [ada, bob] = [await generateIdentity(), await generateIdentity()];
const [adaKey, bobKey] = [await identityToRecipient(ada), await identityToRecipient(bob)];
const TEXT = "\uFEFFA='it\"s'\r\nB=ü\n";

async function teamIn(recipients: object[], env: Record<string, string> = {}, name = 'staging', root?: string) {
  const product = root ?? makeStrangeProduct({ secrets: { team: { recipients } } }, env);
  const config = await loadConfig(undefined, product);
  return { team: teamOf(config, loadEnvironment(config, name, {})), root: product };
}
async function refusal(work: () => unknown): Promise<OpsError> {
  try {
    await work();
  } catch (error) {
    return error as OpsError;
  }
  throw new Error('it was not refused');
}

test('what is sealed opens with the key of each recipient, byte for byte, and with no other', async () => {
  const sealed = await seal(TEXT, [adaKey, bobKey, adaKey]);
  assert.match(sealed, /^-----BEGIN AGE ENCRYPTED FILE-----\n/);
  for (const key of [ada, bob, `# public key: ${adaKey}\n${ada}\n`])
    assert.is(await open(sealed, new Secret(key)), TEXT);
  const stranger = await refusal(async () => open(sealed, new Secret(await generateIdentity(), 'MY_KEY'), '.env.age'));
  assert.equal([stranger.code, stranger.exit], ['WRONG_KEY', 1]);
  assert.match(stranger.message, /MY_KEY cannot open \.env\.age/);
});

test("Debian's age alone opens it, and what Debian's age sealed is opened", async () => {
  const age = findTool('age');
  if (!age) return console.log('  age is not installed: not compared with it');
  const { root } = await teamIn([]);
  const key = join(root, 'key.txt');
  writeFileSync(key, `${ada}\n`, { mode: 0o600 });
  const sealed = await seal(TEXT, [bobKey, adaKey]);
  assert.is(execFileSync(age, ['-d', '-i', key], { input: sealed, encoding: 'utf8' }), TEXT);
  const theirs = execFileSync(age, ['-a', '-r', adaKey], { input: TEXT, encoding: 'utf8' });
  assert.is(await open(theirs, new Secret(ada)), TEXT);
});

test('what was changed or cut off is told as that', async () => {
  const sealed = await seal(TEXT, [adaKey]);
  const lines = sealed.split('\n');
  const swapped = lines
    .with(
      3,
      (lines[3] ?? '').replace(/^./, (sign) => (sign === 'A' ? 'B' : 'A')),
    )
    .join('\n');
  for (const broken of [swapped, lines.toSpliced(-3, 1).join('\n'), 'nothing', ''])
    assert.is((await refusal(() => open(broken, new Secret(ada)))).code, 'SEALED_DAMAGED');
});

test('a recipient that is no key is refused before anything is encrypted', async () => {
  const mistyped = `${adaKey.slice(0, -1)}${adaKey.endsWith('q') ? 'p' : 'q'}`;
  const error = await refusal(() => seal(TEXT, [bobKey, mistyped]));
  assert.equal([error.code, error.exit], ['RECIPIENT_MALFORMED', 2]);
  const { team } = await teamIn([{ name: 'ada', recipient: mistyped }], { SECRETS_IDENTITY: ada });
  assert.is((await refusal(() => team.seal(TEXT))).code, 'RECIPIENT_MALFORMED');
  assert.is((await refusal(() => team.warnings())).code, 'RECIPIENT_MALFORMED');
});

test('the team of an environment: those whom the config names for it, opened by the key in the variable or in the file that it names', async () => {
  const recipients = [
    { name: 'ada', recipient: adaKey },
    { name: 'bob', recipient: bobKey, environments: ['production'] },
  ];
  const { team, root } = await teamIn(recipients, { SECRETS_IDENTITY: ada });
  assert.equal(
    team.members.map(({ name }) => name),
    ['ada'],
  );
  assert.equal(await team.warnings(), []);
  assert.is(await team.open(await team.seal(TEXT), 'it'), TEXT);
  mkdirSync(join(root, 'keys'));
  writeFileSync(join(root, 'keys/mine.txt'), `# comment\n${ada}\n`, { mode: 0o600 });
  writeFileSync(join(root, '.env.staging'), 'SECRETS_IDENTITY=keys/mine.txt\n');
  const { team: byFile } = await teamIn([], {}, 'staging', root);
  assert.is(await byFile.open(await seal(TEXT, [adaKey]), 'it'), TEXT);
});

test('an operator who is not of the team hears that they could not go on, before anything is sealed', async () => {
  const recipients = [{ name: 'ada', recipient: adaKey }];
  const codes = async (env: Record<string, string>) =>
    (await (await teamIn(recipients, env)).team.warnings()).map(({ code }) => code);
  assert.equal(await codes({}), ['TEAM_WITHOUT_YOU']);
  assert.equal(await codes({ SECRETS_IDENTITY: bob }), ['TEAM_WITHOUT_YOU']);
  assert.equal(await codes({ SECRETS_IDENTITY: `${bob}` }), ['TEAM_WITHOUT_YOU']);
  assert.equal(await codes({ SECRETS_IDENTITY: ada }), []);
});

test('with nobody named a key of the checkout is made once, 0600, and it is told that nobody else can open it', async () => {
  const { team, root } = await teamIn([]);
  assert.equal(
    (await team.warnings()).map(({ code }) => code),
    ['TEAM_EMPTY'],
  );
  assert.is(team.identity(), undefined, 'to look makes nothing');
  const again = await teamIn([], {}, 'production', root);
  const [sealed, other] = await Promise.all([team.seal(TEXT), again.team.seal(TEXT)]);
  assert.is(await again.team.open(sealed, 'it'), TEXT);
  assert.is(await team.open(other, 'it'), TEXT);
  assert.is(statSync(join(root, '.drydock/secrets/identity.txt')).mode & 0o777, 0o600);
  const kept = readFileSync(join(root, '.drydock/secrets/identity.txt'));
  await team.seal(TEXT);
  assert.equal(readFileSync(join(root, '.drydock/secrets/identity.txt')), kept);
  const age = findTool('age');
  if (age)
    assert.is(
      execFileSync(age, ['-d', '-i', join(root, '.drydock/secrets/identity.txt')], { input: sealed, encoding: 'utf8' }),
      TEXT,
    );
});

test('no key, a cut-off key, a key that others can read or own: each refused in a sentence, without the key in it (exit 2)', async () => {
  const recipients = [{ name: 'ada', recipient: adaKey }];
  const sealed = await seal(TEXT, [adaKey]);
  const code = async (identity: string | undefined, prepare: (root: string) => void = () => {}) => {
    const { root } = await teamIn(recipients, identity === undefined ? {} : { SECRETS_IDENTITY: identity });
    prepare(root);
    const { team } = await teamIn(recipients, {}, 'staging', root);
    const error = await refusal(() => team.open(sealed, 'it'));
    assert.is(error.exit, 2);
    assert.not.match(`${error.message} ${error.hint}`, ada.slice(20, 40));
    return error.code;
  };
  assert.is(await code(undefined), 'NO_KEY');
  assert.is(await code(ada.slice(0, -5)), 'IDENTITY_MALFORMED');
  assert.is(await code(ada.slice(16)), 'IDENTITY_MALFORMED');
  assert.is(await code(adaKey), 'IDENTITY_MALFORMED');
  assert.is(await code('./not-there.txt'), 'IDENTITY_MISSING');
  const keyFile = (mode: number) => (root: string) => {
    writeFileSync(join(root, 'key.txt'), `${ada}\n`);
    chmodSync(join(root, 'key.txt'), mode);
  };
  assert.is(await code('key.txt', keyFile(0o644)), 'IDENTITY_OPEN');
  assert.is(await code('key.txt', (root) => mkdirSync(join(root, 'key.txt'))), 'IDENTITY_MALFORMED');
  if (process.geteuid?.() === 0)
    assert.is(
      await code('key.txt', (root) => {
        keyFile(0o600)(root);
        chownSync(join(root, 'key.txt'), 65_534, 65_534);
      }),
      'IDENTITY_OPEN',
    );
});

test.run();
