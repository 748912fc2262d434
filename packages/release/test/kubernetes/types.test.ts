// Uses TypeScript's compiler and the types of Kubernetes: what is printed, as literals, which may have no key that is unknown.
import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DIGEST, type Manifest, makeProduct, only, print } from './product.ts';

const test = suite('manifests and their types');
const RELEASE = join(import.meta.dirname, '../..');

/** What the compiler has against these manifests. */
function refusals(manifests: Manifest[]): string[] {
  const root = testRoot('types');
  symlinkSync(join(RELEASE, 'node_modules'), join(root, 'node_modules'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  const lines = manifests.flatMap((manifest, i) => {
    const from = manifest.apiVersion.includes('/') ? manifest.apiVersion : 'v1';
    return [
      `import type { I${manifest.kind} as I${i} } from 'kubernetes-models/${from}';`,
      `export const m${i}: I${i} = ${JSON.stringify(manifest)};`,
    ];
  });
  writeFileSync(join(root, 'all.ts'), lines.join('\n'));
  const { stdout } = spawnSync(
    join(RELEASE, '../../node_modules/.bin/tsc'),
    ['--noEmit', '--strict', '--skipLibCheck', '--types', '', '--module', 'nodenext', '--target', 'esnext', 'all.ts'],
    { cwd: root, encoding: 'utf8' },
  );
  return stdout.split('\n').filter((line) => /error TS\d+/.test(line));
}

const IMAGES = ['--image', `shop:v12@${DIGEST}`, '--operations-image', `registry.example:5000/ops@${DIGEST}`];

test('everything that is printed has the types of Kubernetes, and no key that it does not know', async () => {
  const full = {
    replicas: 5,
    port: 9_000,
    resources: { cpu: '1.5', memory: '1Gi', memoryLimit: '2Gi' },
    livePath: '/live',
    user: 1_000,
    writable: ['/tmp', '/var/cache'],
    variables: { HOST: '0.0.0.0' },
    secret: 'shop.secrets',
    from: [{ namespace: { name: 'ingress' }, pods: { app: 'ingress' } }, { pods: { app: 'probe' } }],
    ports: [9_090],
  };
  const roots = [makeProduct(), makeProduct(full, { backups: { schedule: { prune: '5 6 * * SUN' } } })];
  const printed = (await Promise.all(roots.map((root) => print(root, ...IMAGES)))).flatMap(
    ({ manifests }) => manifests,
  );
  assert.equal(
    new Set(printed.map(({ kind }) => kind)),
    new Set(['NetworkPolicy', 'Job', 'Service', 'PodDisruptionBudget', 'Deployment', 'CronJob']),
  );
  assert.equal(refusals(printed), []);
});

test('that check finds a key that is unknown, a wrong type, and a word that is none of the few', async () => {
  const { manifests } = await print(makeProduct(), ...IMAGES);
  const deployment = only(manifests, 'Deployment');
  const broken = (change: (copy: Manifest) => void) => {
    const copy = structuredClone(deployment);
    change(copy);
    return copy;
  };
  const container = (copy: Manifest) => copy.spec.template.spec.containers[0];
  const found = refusals([
    broken((copy) => Object.assign(container(copy).securityContext, { readOnlyRootFileSystem: true })),
    broken((copy) => Object.assign(container(copy).ports[0], { containerPort: '8080' })),
    broken((copy) => Object.assign(copy.spec.strategy, { type: 'Rolling' })),
    broken((copy) => Object.assign(copy.spec.template.spec, { restartPolicy: 'Sometimes' })),
  ]);
  assert.is(found.length, 4, found.join('\n'));
  assert.match(found[0] ?? '', 'readOnlyRootFileSystem');
});

test.run();
