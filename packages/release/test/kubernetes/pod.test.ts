// Uses podman: the pod of the Deployment, run. (A rollout needs a cluster, and is not tested.)
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { makeImage, noPods, type Podman, startPodman } from './podman.ts';
import { makeProduct, only, print } from './product.ts';

const why = noPods();
if (why) console.log(`skipped, ${why}: the pod of release:manifests is not run`);
const test = suite('the pod of release:manifests');
const IMAGE = 'localhost/shop:v7';
const PATIENCE_MS = 60_000;

type About = { uid: number; disk: string; tmp: string; env: Record<string, string> };
/** Says what it can do, and what it knows. */
const SHOP = `
import { createServer } from 'node:http';
import { rmSync, writeFileSync } from 'node:fs';
const can = (file) => { try { writeFileSync(file, 'x'); return 'written'; } catch ({ code }) { return code; } };
const { PORT, HOST, ...env } = process.env;
const about = { uid: process.getuid(), disk: can('/app/x'), tmp: can('/tmp/x'), env };
createServer((request, response) => {
  if (request.url !== '/ready') return response.end(JSON.stringify(about));
  response.writeHead(200).end();
}).listen(Number(PORT), HOST);
process.on('SIGTERM', () => process.exit(0));
`;

let podman: Podman;
test.before(() => {
  if (why) return;
  podman = startPodman();
  makeImage(podman, IMAGE, SHOP);
});
test.after(async () => {
  if (why) return;
  await removePods();
  rmSync(podman.root, { recursive: true, force: true });
});

/** Podman 4.3 may find a container's own mounts busy for a moment after it has ended it. */
async function removePods(): Promise<void> {
  for (const deadline = Date.now() + 20_000; ; await sleep(500)) {
    try {
      podman('pod', 'rm', '--all', '--force');
      return;
    } catch (error) {
      if (Date.now() > deadline || !String(error).includes('device or resource busy')) throw error;
    }
  }
}

/** What answers, as the kubelet asks. */
async function answers(url: string): Promise<Response> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    if (response) return response;
    if (Date.now() > deadline) throw new Error(`${url} does not answer: ${podman('ps', '--all')}`);
    await sleep(100);
  }
}

(why ? test.skip : test)(
  'it becomes ready, may do little, knows what is its own, and ends when it is told to',
  async () => {
    const port = await freePort();
    const root = makeProduct({ port, variables: { HOST: '127.0.0.1' } });
    const { manifests } = await print(root, '--image', IMAGE);
    const deployment = only(manifests, 'Deployment');
    const pod = deployment.spec.template.spec;
    const [web] = pod.containers;
    const probe = web.startupProbe.httpGet;
    assert.is(web.ports.find(({ name }: { name: string }) => name === probe.port).containerPort, port);
    // Podman has no network of its own here.
    Object.assign(pod, { hostNetwork: true });
    delete web.ports;
    const file = (name: string, text: string) => {
      writeFileSync(join(podman.root, name), text);
      return join(podman.root, name);
    };
    const secret = { DATABASE_URL: 'of the database', JWT_KEYS: 'of tokens' };
    // As podman 4.3 keeps a Secret.
    const encoded = Object.entries(secret).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    podman('secret', 'create', 'corner-shop-staging', file('secret.json', JSON.stringify(Object.fromEntries(encoded))));
    podman('kube', 'play', file('pod.yaml', stringify(deployment)));

    assert.is((await answers(`http://127.0.0.1:${port}${probe.path}`)).status, 200);
    const about = (await (await answers(`http://127.0.0.1:${port}/`)).json()) as About;
    assert.equal([about.uid, about.disk, about.tmp], [10_001, 'EROFS', 'written']);
    const { APP_VERSION, DRYDOCK_ENV, COLOUR, OPS_DATABASE_URL, ...rest } = about.env;
    assert.equal(
      [APP_VERSION, DRYDOCK_ENV, COLOUR, OPS_DATABASE_URL],
      ['v7', 'staging', 'a: "blue" # & *new*', undefined],
    );
    for (const [name, value] of Object.entries(secret)) assert.is(rest[name], value);

    const [container = ''] = podman('ps', '--quiet', '--filter', 'label=app.kubernetes.io/component=web').split('\n');
    podman('pod', 'stop', '--all', '--time', String(pod.terminationGracePeriodSeconds));
    assert.is(podman('inspect', '--format', '{{.State.ExitCode}}', container), '0', 'SIGTERM reaches it');
  },
);

test.run();
