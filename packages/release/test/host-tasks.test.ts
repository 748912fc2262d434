// Uses HAProxy, runit and, where it is there, systemd-analyze: the tasks around what runs on a host.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool, freePort, requireTool } from '@drydock/kit';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import logs from '../scripts/logs.ts';
import maintenanceOff from '../scripts/maintenance-off.ts';
import maintenanceOn from '../scripts/maintenance-on.ts';
import maintenanceStatus from '../scripts/maintenance-status.ts';
import proxyTask from '../scripts/proxy.ts';
import units from '../scripts/units.ts';
import { released, until } from './driver-contract.ts';
import { type LocalBed, makeLocalBed } from './local-bed.ts';

const test = suite('tasks of a host');
let bed: LocalBed;
test.before(async () => {
  bed = await makeLocalBed();
  // Whose database is away: the proxy is asked all the same.
  await released(bed.driver, await bed.artifact('v1'));
});
test.after(() => bed.stop());
const STAGING = ['--env', 'staging'];

test('maintenance with the database away: on, another text, status, off', async () => {
  const env = readFileSync(join(bed.root, '.env.staging'), 'utf8');
  writeFileSync(
    join(bed.root, '.env.staging'),
    `${env}OPS_DATABASE_URL='postgresql://nobody@127.0.0.1:${await freePort()}/none'\n`,
  );
  const on = (...args: string[]) => runTaskForTest(maintenanceOn, bed.root, [...STAGING, '--yes', ...args]);
  assert.is((await on('--text', 'We move.', '--retry-after', '2m')).error, undefined);
  const met = await fetch(bed.url);
  assert.equal([met.status, met.headers.get('retry-after')], [503, '120']);
  assert.match(await met.text(), 'We move.');
  assert.is((await on('--text', 'Still moving.')).error, undefined);
  assert.match(await (await fetch(bed.url)).text(), 'Still moving.');
  const status = await runTaskForTest(maintenanceStatus, bed.root, STAGING);
  assert.match(
    status.outcome?.verdict ?? '',
    /staging is in maintenance since 20.*: "Still moving\.", to come again after 300 s/,
  );
  assert.is((await runTaskForTest(maintenanceOff, bed.root, [...STAGING, '--yes'])).error, undefined);
  assert.is((await fetch(bed.url)).status, 200);
  const after = await runTaskForTest(maintenanceStatus, bed.root, STAGING);
  assert.is(after.outcome?.verdict, 'staging is there for people.');
});

test('the log of what is live, and of a slot', async () => {
  const { said, outcome } = await runTaskForTest(logs, bed.root, [...STAGING, '--lines', '5']);
  assert.match(said.join('\n'), /blue-1 .* listens/);
  assert.match(outcome?.verdict ?? '', 'slot blue');
  const none = await runTaskForTest(logs, bed.root, [...STAGING, '--slot', 'green']);
  assert.is(none.error?.code, 'NO_VERSION');
});

test('what release:proxy writes is taken by HAProxy, knows whose it is, and serves a release', async () => {
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'dry-'));
  const port = await freePort();
  const config = {
    product: 'My Shop',
    health: { path: '/healthz', token: null },
    release: {
      artifact: { include: ['.'] },
      app: { command: ['node', 'shop.mjs'] },
      local: { instances: 3 },
      proxy: { bind: `127.0.0.1:${port}`, backend: 'web' },
      maintenance: { page: 'closed.html', through: ['/robots.txt'] },
    },
  };
  const [socket, stateFile] = [join(folder, 's.sock'), join(folder, 'lib/servers.state')];
  const root = makeStrangeProduct(config, {
    PROXY_SOCKET: socket,
    PROXY_STATE_FILE: stateFile,
    OPS_DATABASE_URL: 'postgresql://x@127.0.0.1:1/x',
  });
  writeFileSync(join(root, 'closed.html'), '<h1>100% closed: {reason}</h1>');
  const printed = await runTaskForTest(proxyTask, root, STAGING);
  assert.match(printed.outcome?.document ?? '', 'server green-3 localhost:1 check disabled');
  assert.not(existsSync(stateFile), 'printing writes nothing');
  const file = join(folder, 'haproxy.cfg');
  const written = await runTaskForTest(proxyTask, root, [...STAGING, '--write', file]);
  assert.match(written.outcome?.verdict ?? '', 'HAProxy takes it', written.error?.message);
  assert.is(written.outcome?.next, `haproxy -W -D -p ${join(folder, 'haproxy.pid')} -f ${file}`);
  const haproxy = spawn(requireTool('haproxy'), ['-W', '-f', 'haproxy.cfg'], { stdio: 'ignore', cwd: folder });
  try {
    await until(async () => existsSync(socket), 'its socket');
    const again = await runTaskForTest(proxyTask, root, [...STAGING, '--write', file]);
    assert.is(again.outcome?.next, `kill -USR2 ${haproxy.pid}`, 'one that runs by hand is told, not started again');
    assert.is((await fetch(`http://127.0.0.1:${port}`)).status, 503);
    assert.is((await runTaskForTest(maintenanceOn, root, [...STAGING, '--yes', '--text', 'a & b'])).error, undefined);
    assert.match(await (await fetch(`http://127.0.0.1:${port}`)).text(), '<h1>100% closed: a &amp; b</h1>');
    // Another product that was given this proxy's socket is told whose it is.
    const theirs = makeStrangeProduct(
      { ...config, product: 'theirs' },
      { PROXY_SOCKET: socket, PROXY_STATE_FILE: stateFile, OPS_DATABASE_URL: 'postgresql://x@127.0.0.1:1/x' },
    );
    const { error } = await runTaskForTest(maintenanceOff, theirs, [...STAGING, '--yes']);
    assert.match(error?.message ?? '', 'stands in front of my-shop/staging, not of theirs/staging');
  } finally {
    haproxy.kill();
  }
});

test('two environments of one machine have an address each, which says where their proxies listen', async () => {
  const bound = async (url: string, release: object = {}) => {
    const root = makeStrangeProduct({ release }, { PUBLIC_URL: url, PROXY_SOCKET: '/x/s', PROXY_STATE_FILE: '/x/f' });
    const { outcome } = await runTaskForTest(proxyTask, root, STAGING);
    return /bind (.*)/.exec(outcome?.document ?? '')?.[1];
  };
  assert.is(await bound('http://127.0.0.1:8081'), '127.0.0.1:8081');
  assert.is(await bound('http://localhost:8082/'), '127.0.0.1:8082');
  assert.is(await bound('https://shop.example'), '127.0.0.1:8080');
  assert.is(await bound('http://127.0.0.1:8081', { proxy: { bind: ':80' } }), ':80');
});

test('the unit is one that systemd takes without a word, and starts what keeps the versions', async () => {
  const { outcome } = await runTaskForTest(units, bed.root, STAGING);
  const text = outcome?.document ?? '';
  assert.match(text, bed.proxy.supervisor.folder);
  for (const line of ['Restart=always', 'KillMode=process', 'WantedBy=multi-user.target', '#   @reboot '])
    assert.match(text, line);
  const analyze = findTool('systemd-analyze');
  if (!analyze) return console.log('    systemd-analyze is not here: the unit was not checked by it');
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'dry-'));
  const file = join(folder, 'drydock-strange.service');
  writeFileSync(file, text);
  // It warns with exit 0.
  const check = (unit: string) =>
    execFileSync('sh', ['-c', '"$0" verify --man=no "$1" 2>&1; echo "exit $?"', analyze, unit], { encoding: 'utf8' });
  assert.is(check(file).trim(), 'exit 0');
  writeFileSync(file, text.replace('Restart=always', 'Restart=sometimes'));
  assert.match(check(file), 'sometimes');
});

test.run();
