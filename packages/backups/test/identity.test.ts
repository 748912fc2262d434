// Uses no service.
import { loadConfig, loadEnvironment, type OpsError } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { generateIdentity } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { requireIdentity } from '../src/crypt/identity.ts';
import { backupTarget } from '../src/target.ts';

const test = suite('the private key of backups');

async function refusal(identity: string): Promise<OpsError | undefined> {
  const variables = { BACKUP_IDENTITY: { secret: true, example: 'AGE-SECRET-KEY-1…', about: 'opens backups' } };
  const root = makeStrangeProduct({ variables }, { BACKUP_IDENTITY: identity });
  const config = await loadConfig(undefined, root);
  return requireIdentity(config, loadEnvironment(config, 'staging', {})).then(
    () => undefined,
    (error) => error,
  );
}

test('one that is whole is taken, with the comments of its file or without', async () => {
  const key = await generateIdentity();
  assert.is(await refusal(key), undefined);
  assert.is(await refusal(`# created: today\n# public key: age1…\n${key}\n`), undefined);
  assert.is(await refusal(`${key}, ${await generateIdentity()}`), undefined);
  assert.is((await refusal(`${key},${key.slice(0, -4)}`))?.code, 'IDENTITY_MALFORMED');
});

test('one that was cut off, mistyped or is the public half is refused before anything (exit 2), and not shown', async () => {
  const key = await generateIdentity();
  const mistyped = `${key.slice(0, -1)}${key.endsWith('Q') ? 'P' : 'Q'}`;
  for (const broken of [key.slice(0, -4), mistyped, 'age1qqqq', 'a password', '# nothing']) {
    const error = await refusal(broken);
    assert.equal([error?.code, error?.exit], ['IDENTITY_MALFORMED', 2], broken.slice(0, 8));
    assert.match(error?.message ?? '', 'BACKUP_IDENTITY is no private key of age');
    assert.not.match(`${error?.message} ${error?.hint}`, broken.slice(16) || 'never');
  }
});

test('what is put there instead is called what it is; one in lower case is one', async () => {
  const key = await generateIdentity();
  assert.is(await refusal(key.toLowerCase()), undefined);
  for (const [given, what] of [
    [`age1${'q'.repeat(58)}`, 'but a public one'],
    ['/home/me/key.txt', 'but the name of a file'],
    ['~/key.txt', 'but the name of a file'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----', 'but one of ssh'],
    ['-----BEGIN AGE ENCRYPTED FILE-----', 'but one under a passphrase'],
    ['AGE-PLUGIN-YUBIKEY-1QQ', 'but one of a plugin'],
  ])
    assert.match((await refusal(given as string))?.message ?? '', what as string);
});

test('whom a backup is for is a key of age; one of ssh or of a plugin is called what it is', async () => {
  for (const [given, what] of [
    ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGx', 'but one of ssh or of a plugin'],
    ['age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t', 'but one of ssh or of a plugin'],
    ['age1tooshort', 'which is no age public key.'],
  ] as const) {
    const root = makeStrangeProduct(
      {},
      { BACKUP_RECIPIENTS: given, OPS_DATABASE_URL: 'postgresql://a:b@127.0.0.1:9/c' },
    );
    const config = await loadConfig(undefined, root);
    const environment = loadEnvironment(config, 'staging', {});
    const ctx = { config, environment, env: 'staging', reason: undefined, actor: 'test' } as never;
    const error = await Promise.resolve()
      .then(() => backupTarget(ctx))
      .then(
        () => undefined,
        (cause: OpsError) => cause,
      );
    assert.equal([error?.code, error?.exit], ['RECIPIENT_MALFORMED', 2]);
    assert.match(error?.message ?? '', what);
  }
});

test.run();
