// Uses no service.
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import sealTask from '../scripts/seal.ts';
import whoTask from '../scripts/who.ts';

const test = suite('who can open what');
const keys = Object.fromEntries(
  await Promise.all(
    ['ada', 'bob', 'carl'].map(async (name) => {
      const identity = await generateIdentity();
      return [name, { name, identity, recipient: await identityToRecipient(identity) }] as const;
    }),
  ),
);
const member = (name: string, environments?: string[]) => ({
  name,
  recipient: keys[name]?.recipient,
  ...(environments ? { environments } : {}),
});

function product(recipients: object[], root?: string): string {
  const secrets = {
    team: { recipients },
    rotate: { api: { kind: 'generic', variable: 'API_KEY' }, mail: { kind: 'generic', variable: 'MAIL_KEY' } },
  };
  const made = makeStrangeProduct({ secrets });
  if (root) {
    copyFileSync(join(made, 'drydock.config.ts'), join(root, OTHER));
    return root;
  }
  for (const env of ['staging', 'production']) {
    const file = join(made, `.env.${env}`);
    writeFileSync(file, `SECRETS_IDENTITY='${keys.ada?.identity}'\nAPI_KEY=${env}-key\nSMTP_PASSWORD=${env}-smtp\n`);
    chmodSync(file, 0o600);
  }
  return made;
}
// biome-ignore lint/suspicious/noExplicitAny: what a task tells is its own.
const who = async (root: string, ...args: string[]): Promise<any> => runTaskForTest(whoTask, root, args);
/** What is imported once stays as it is: a config that has changed is another file. */
const OTHER = 'other.config.ts';
const seal = (root: string, env: string) => runTaskForTest(sealTask, root, ['--env', env]);

test('per environment: what is at rest by names, what lies in the clear by the modes of files', async () => {
  const root = product([member('ada'), member('bob', ['production'])]);
  await seal(root, 'staging');
  await seal(root, 'production');
  const { outcome } = await who(root);
  const rows = outcome.data.holdings.map(({ env, what, who: can, says }: Record<string, unknown>) => [
    env,
    what,
    can,
    says,
  ]);
  const uid = process.geteuid?.();
  assert.equal(rows, [
    ['staging', '.env.staging.age', ['ada'], 'at rest'],
    ['staging', '.env.staging', null, `in the clear (0600): uid ${uid} alone`],
    ['production', '.env.production.age', ['ada', 'bob'], 'at rest'],
    ['production', '.env.production', null, `in the clear (0600): uid ${uid} alone`],
  ]);
  assert.equal(outcome.findings, []);
  chmodSync(join(root, '.env.staging'), 0o644);
  const open = await who(root, '--env', 'staging');
  assert.equal(
    open.outcome.findings.map(({ code }: { code: string }) => code),
    ['ENV_FILE_READABLE'],
  );
});

test('sealed for others than the config names, or for nobody knows whom: told', async () => {
  const root = product([member('ada'), member('carl')]);
  await seal(root, 'staging');
  product([member('ada'), member('bob')], root);
  const codes = async () => {
    const { outcome } = await who(root, '--env', 'staging', '--config', join(root, OTHER));
    return outcome.findings.map(({ code, message }: Record<string, string>) => [code, message]);
  };
  assert.equal(await codes(), [
    ['SEALED_FOR_OTHERS', '.env.staging.age is encrypted to ada, carl; secrets.team says ada, bob.'],
  ]);
  const list = join(root, '.env.staging.age.recipients');
  writeFileSync(list, `# of sha256:${'0'.repeat(64)}\n# ada\n${keys.ada?.recipient}\n`);
  assert.equal(
    (await codes()).map(([code]: string[]) => code),
    ['SEALED_FOR_UNKNOWN'],
  );
});

test('somebody leaves: what they could open is to be rotated, as commands, in the order of promotion; one who is gone from the config is still known', async () => {
  const root = product([member('ada'), member('bob', ['production'])]);
  await seal(root, 'production');
  const expected = [
    'npm run secrets:seal -- --env production --overwrite',
    "npm run secrets:rotate -- api --env production --reason 'bob left'",
    "npm run secrets:rotate -- mail --env production --reason 'bob left'",
  ];
  const leaves = await who(root, '--without', 'bob');
  assert.equal(leaves.outcome.data.commands, expected);
  assert.equal(leaves.outcome.data.byHand, [{ env: 'production', variables: ['SMTP_PASSWORD'] }]);
  assert.equal((await who(root, '--without', 'ada')).outcome.data.environments, [
    'development',
    'staging',
    'production',
  ]);
  product([member('ada')], root);
  const config = join(root, OTHER);
  assert.equal(
    (await who(root, '--without', 'bob', '--config', config)).outcome.data.commands,
    expected.map((one) => `${one} --config ${config}`),
  );
  const nobody = await who(root, '--without', 'bop');
  assert.equal([nobody.error.code, nobody.error.exit], ['PERSON_UNKNOWN', 2]);
  assert.match(nobody.error.message, 'Did you mean bob?');
});

test.run();
