import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRecording } from '../../packages/health/test/recorded/recordings.ts';
import { type Bench, task } from './figures.ts';

/** Its cost is that of the last half minute: the start of a process is no reading. */
const SECONDS = 65;

/** What it costs to watch the marketplace: its own pages, as recorded, read every five seconds. */
export const watch: Bench = async ({ say }) => {
  const looks = readRecording('steady');
  let at = 0;
  const server = createServer(({ url }, response) => {
    const look = looks[Math.min(at, looks.length - 1)];
    if (url === '/metrics') at += 1;
    response.end(url === '/metrics' ? look?.metrics?.body : look?.health?.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const child = start(productAt(url));
  let last: { cost: number } | undefined;
  child.stdout?.on('data', (chunk) => {
    for (const line of String(chunk).trim().split('\n')) last = JSON.parse(line);
    say(`${at} of ${Math.ceil(SECONDS / 5) + 1} looks`);
  });
  await once(child, 'close');
  server.close();
  const percent = (last?.cost ?? 1) * 100;
  const what = `health:watch of a page of ${Math.round((looks[0]?.metrics?.body.length ?? 0) / 1_024)} KiB every 5 s`;
  return [
    {
      what,
      ours: `${percent.toFixed(2)} %`,
      peer: 'a core',
      mustBe: '≤ 1 %',
      is: `${percent.toFixed(2)} %`,
      holds: percent <= 1,
    },
  ];
};

function productAt(url: string): string {
  const root = mkdtempSync(join(tmpdir(), 'drydock-bench-'));
  const parity = { nodeEnv: 'production', schema: 'deploy', features: 'all', sentry: 'optional', redis: 'optional' };
  const environment = { guard: 'none', parity };
  const environments = { development: environment, staging: environment, production: environment };
  const config = { product: 'bench', environments, health: { token: null } };
  writeFileSync(join(root, 'drydock.config.ts'), `export default ${JSON.stringify(config)};\n`);
  writeFileSync(join(root, '.env.staging'), `PUBLIC_URL='${url}'\n`);
  return root;
}

function start(root: string) {
  const { program, args } = task('health:watch', [
    ...['--env', 'staging', '--config', join(root, 'drydock.config.ts')],
    ...['--for', `${SECONDS}s`, '--json'],
  ]);
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}
