// Uses an S3 endpoint: environments whose stores are not the same.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineStep, type EnvName, loadConfig, loadEnvironment, type Step, type TaskContext } from '@drydock/kit';
import { makeStrangeProduct, runStepsForTest } from '@drydock/kit/testing';
import { startTestS3 } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { artifactStore } from '../src/artifact/store.ts';
import type { Artifact } from '../src/artifact/types.ts';
import { promoteSteps } from '../src/pipeline/promote.ts';

const test = suite('promotion');
type S3 = Awaited<ReturnType<typeof startTestS3>>;
let here: S3;
let there: S3;
test.before(async () => {
  [here, there] = await Promise.all([startTestS3(), startTestS3()]);
});
test.after(async () => {
  await Promise.all([here.stop(), there.stop()]);
});

async function contextOf(stores: Record<string, S3>) {
  const variables = ({ endpoint, accessKeyId, secretAccessKey, bucket }: S3) => ({
    S3_ENDPOINT: endpoint,
    S3_ACCESS_KEY_ID: accessKeyId,
    S3_SECRET_ACCESS_KEY: secretAccessKey,
    BACKUP_BUCKET: bucket,
  });
  const root = makeStrangeProduct(
    {
      backups: { stores: [{ kind: 's3' }] },
      release: { artifact: { include: ['app.mjs'] }, app: { command: ['node', 'app.mjs'] } },
    },
    {},
  );
  for (const [env, s3] of Object.entries(stores))
    writeFileSync(
      join(root, `.env.${env}`),
      Object.entries(variables(s3))
        .map(([name, value]) => `${name}='${value}'\n`)
        .join(''),
    );
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], { cwd: root });
  writeFileSync(join(root, 'app.mjs'), 'the product');
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'x');
  const commit = git('rev-parse', 'HEAD').toString().trim();
  const config = await loadConfig(undefined, root);
  const environmentOf = (env: EnvName) => loadEnvironment(config, env, {});
  const ctx = {
    config,
    env: 'production',
    environment: environmentOf('production'),
    environmentOf,
  } as unknown as TaskContext;
  return { root, ctx, commit };
}

test('an artefact gets to the store of the next environment, the same by its digest; a second time it is there', async () => {
  const { root, ctx, commit } = await contextOf({ staging: there, production: here });
  const { signal } = new AbortController();
  const folder = join(root, 'built');
  mkdirSync(folder);
  writeFileSync(join(folder, 'app.mjs'), 'the product');
  const [from, to] = [ctx.environment, ctx.environmentOf('staging')].map((env) => artifactStore(ctx.config, env));
  const kept = await from?.keep(folder, commit, { signal, time: 1, bom: '{}', inputs: 'a'.repeat(64) });
  const built = defineStep<Artifact>({ name: 'build artifact', run: async () => kept as Artifact });
  for (const _ of [0, 1]) {
    await runStepsForTest([built, ...promoteSteps(ctx, 'staging', built)]);
    const found = await to?.list();
    assert.equal(
      found?.map(({ digest }) => digest),
      [kept?.digest],
    );
    await to?.unpack(found?.[0] as Artifact, join(root, 'unpacked'), signal);
    assert.is(readFileSync(join(root, 'unpacked/app.mjs'), 'utf8'), 'the product');
  }
});

test('where the store is shared it is there already', async () => {
  const { root, ctx, commit } = await contextOf({ staging: here, production: here });
  const { signal } = new AbortController();
  const folder = join(root, 'built');
  mkdirSync(folder);
  writeFileSync(join(folder, 'app.mjs'), 'another product');
  const kept = await artifactStore(ctx.config, ctx.environment).keep(folder, commit, {
    signal,
    time: 1,
    bom: '{}',
    inputs: 'a'.repeat(64),
  });
  const built = defineStep<Artifact>({ name: 'build artifact', run: async () => kept });
  const [promote] = promoteSteps(ctx, 'staging', built) as [Step];
  promote.run = () => Promise.reject(new Error('nothing is to be copied'));
  await runStepsForTest([built, promote]);
  assert.equal(promoteSteps(ctx, 'production', built), [], 'what is built there needs no copy');
});

test.run();
