// Uses PostgreSQL: a rotation that others have to hear of before the new value is used.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACCESS, hs256 } from './jwt/open.ts';

const test = suite('a rotation that stands by');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

async function product(verifierCacheSeconds: number) {
  const tokens = {
    ...{ kind: 'jwt', variable: ACCESS, lifetimeSeconds: 0, marginSeconds: 2, verifierCacheSeconds },
  };
  const environments = { development: { guard: 'none' }, staging: { guard: 'none' } };
  const url = await postgres.createDatabase();
  const root = makeStrangeProduct(
    { environments, secrets: { rotate: { tokens } } },
    { [ACCESS]: hs256('k1'), OPS_DATABASE_URL: url },
  );
  const run = async (task: string, ...args: string[]) => {
    const { default: definition } = await import(taskFile(task));
    const yes = definition.kind === 'change' ? ['--yes'] : [];
    return runTaskForTest(definition, root, ['--env', 'staging', ...yes, ...args]);
  };
  const kids = () => {
    const [, ring = ''] =
      new RegExp(`^${ACCESS}='?([^'\n]+)`, 'm').exec(readFileSync(join(root, '.env.staging'), 'utf8')) ?? [];
    return ring
      .split(',')
      .map((entry) => entry.replace(/^k1:.*/, 'old').replace(/^\w+:(private|public)\..*/, 'new $1'));
  };
  /** The time that it waits for is over. */
  const passes = () =>
    withPostgres(new Secret(url), 'standby test', async (client) => {
      await client.query('UPDATE drydock.secret_rotation SET "settlesAt" = clock_timestamp()');
    });
  return { run, kids, passes };
}

test('a key verifies for as long as others may not know it, signs after that, and costs no process meanwhile', async () => {
  const { run, kids, passes } = await product(3_600);
  const begun = await run('secrets:rotate', 'tokens', '--wait', '0s');
  assert.is(begun.error, undefined, begun.error?.message);
  assert.match(begun.outcome?.verdict ?? '', 'the new one is known everywhere, and is used after');
  assert.equal(kids(), ['old', 'new public']);
  const early = await run('secrets:rotate', '--continue', '--wait', '0s');
  assert.match(early.outcome?.verdict ?? '', 'is used after');
  assert.equal(kids(), ['old', 'new public'], 'not before its time');
  await passes();
  const used = await run('secrets:rotate', '--continue', '--wait', '0s');
  assert.is(used.error, undefined, used.error?.message);
  assert.match(used.outcome?.verdict ?? '', 'the new one is in use; the old one stays valid until');
  assert.equal(kids(), ['new private', 'old']);
  await passes();
  const ended = await run('secrets:rotate', '--continue', '--wait', '0s');
  assert.is(ended.error, undefined, ended.error?.message);
  assert.equal(kids(), ['new private']);
});

test('what stands by is taken back without a trace, and in an emergency it waits for nobody', async () => {
  const one = await product(3_600);
  await one.run('secrets:rotate', 'tokens');
  assert.equal(one.kids(), ['old', 'new public']);
  assert.is((await one.run('secrets:revert', 'tokens')).error, undefined);
  assert.equal(one.kids(), ['old']);
  const two = await product(3_600);
  await two.run('secrets:rotate', 'tokens');
  const { error } = await two.run('secrets:rotate', 'tokens', '--continue', '--emergency', '--reason', 'it is out');
  assert.is(error, undefined, error?.message);
  assert.equal(two.kids(), ['new private']);
});

test('a run that may wait so long does it all', async () => {
  const { run, kids } = await product(1);
  const { error } = await run('secrets:rotate', 'tokens', '--wait', '60s');
  assert.is(error, undefined, error?.message);
  assert.equal(kids(), ['new private', 'old'], 'a person has to start the product with it first');
  assert.is((await run('secrets:rotate', '--continue', '--wait', '60s')).error, undefined);
  assert.equal(kids(), ['new private']);
});

test.run();
