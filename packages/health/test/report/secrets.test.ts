// Uses HTTP on loopback: report, console and check as processes, on addresses that have secrets in them and where nobody answers as they should.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type StrangeServer, startStrangeServer, strangeTasks } from '../product.ts';

const test = suite('no secret in a file or a page');
let server: StrangeServer;
test.before(async () => {
  server = await startStrangeServer();
});
test.after(() => server.close());

const SECRETS = /oper\d?:|pr0m|Pa55word|cGEg|APIKEY-0123|k3y9Zq81LmPxW2aB9c|q-t0ken/;
const withSecrets = (url: string, n: number) =>
  `${url.replace('//', `//oper${n}:pr0m%2BPa55word-${n}@`)}/v2/APIKEY-0123456789-${n}/k3y9Zq81LmPxW2aB9c?token=q-t0ken-${n}`;

/** Somebody answers who is none of it, or nobody does. */
async function tasksAt(url: string) {
  const env = {
    PUBLIC_URL: withSecrets(url, 1),
    CHAIN_RPC_URL: withSecrets(url, 2),
    PROMETHEUS_URL: withSecrets(url, 3),
    METRICS_URLS: `${withSecrets(url, 4)},${withSecrets(url, 5)}`,
    REDIS_URL: `redis://oper:pr0m-Pa55word-6@127.0.0.1:${await freePort()}`,
    DATABASE_URL: `postgresql://oper:pr0m-Pa55word-7@127.0.0.1:${await freePort()}/shop`,
  };
  return strangeTasks(url, {}, env, { chain: { chainId: 31_337 } });
}

for (const [what, address] of [
  ['nobody answers', async () => `http://127.0.0.1:${await freePort()}`],
  ['somebody else answers', async () => server.url],
] as const)
  test(`report, console and check show of addresses their hosts alone, where ${what}`, async () => {
    const tasks = await tasksAt(await address());
    const [report, check, gate, capacity] = [
      await tasks.ask('health:report', '--env', 'staging'),
      await tasks.run('health:check'),
      await tasks.run('health:gate', '--for', '1s'),
      await tasks.run('health:capacity'),
    ];
    const file = join(tasks.root, '.drydock/health/report.html');
    assert.ok(existsSync(file), JSON.stringify(report));
    const page = readFileSync(file, 'utf8');
    assert.match(page, '127.0.0.1');
    const child = tasks.start('console', '--port', '0', '--env', 'staging');
    const [line] = await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
    const served = await (await fetch(/http:\S+/.exec(String(line))?.[0] ?? '')).text();
    child.kill('SIGKILL');
    for (const text of [
      page,
      served,
      JSON.stringify(report),
      ...[check, gate, capacity].map((one) => JSON.stringify(one)),
    ])
      assert.is(SECRETS.exec(text)?.[0], undefined);
  });

test.run();
