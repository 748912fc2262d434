// Uses an S3 endpoint: environments whose stores are not the same.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EnvName, loadConfig, loadEnvironment, type TaskContext } from '@drydock/kit';
import { makeStrangeProduct, runStepsForTest } from '@drydock/kit/testing';
import { startTestS3 } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { artifactStep } from '../src/artifact/step.ts';
import { artifactStore } from '../src/artifact/store.ts';
import type { Artifact } from '../src/artifact/types.ts';

const test = suite('stores of environments');
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

test('an artefact gets to the stores of all environments, the same by its digest; a second time it is there', async () => {
  const { root, ctx, commit } = await contextOf({ staging: there, production: here });
  const { signal } = new AbortController();
  const stores = ['production', 'staging'].map((env) => artifactStore(ctx.config, ctx.environmentOf(env)));
  assert.is(stores[0]?.label, stores[1]?.label, 'they are called the same, and are not');
  for (const round of [0, 1]) {
    const built = artifactStep(ctx, commit, { environments: ['staging', 'production'] });
    const { run } = built;
    built.run = (step) => (round === 0 ? run(step) : Promise.reject(new Error('it is there')));
    const { results } = await runStepsForTest([built]);
    for (const [n, store] of stores.entries()) {
      const found = await store.list();
      assert.equal(
        found.map(({ digest }) => digest),
        [results.of(built).digest],
      );
      await store.unpack(found[0] as Artifact, join(root, `unpacked-${n}`), signal);
      assert.is(readFileSync(join(root, `unpacked-${n}/app.mjs`), 'utf8'), 'the product');
    }
  }
});

test.run();
