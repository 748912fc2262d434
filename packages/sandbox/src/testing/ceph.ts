import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exec, findTool, freePort } from '@drydock/kit';
import { accepts } from '../ports.ts';
import { startThrowAway, type TestService, testRoot } from './root.ts';

const TOOLS = ['monmaptool', 'ceph', 'ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin'] as const;
const KEYS = { accessKeyId: 'CEPHACCESS', secretAccessKey: 'ceph-secret' };
/** Of a bucket before the host: `backups.s3.test`. */
const DOMAIN = 's3.test';

export interface TestCeph {
  endpoint: string;
  port: number;
  accessKeyId: string;
  secretAccessKey: string;
  /** What a bucket may stand before, for who sends it to `port`. */
  domain: string;
  stop(): Promise<void>;
}

/**
 * S3 as Ceph's gateway speaks it: one monitor, one store in memory, one gateway, nobody asked for a key but by S3 itself. Without a bucket.
 * Undefined where it is not installed.
 */
export async function startTestCeph(): Promise<TestCeph | undefined> {
  if (!TOOLS.every((tool) => findTool(tool))) return undefined;
  const root = testRoot('ceph');
  for (const folder of ['mon', 'osd', 'run']) mkdirSync(join(root, folder));
  const [fsid, osd, port] = [randomUUID(), randomUUID(), await freePort()];
  const file = join(root, 'ceph.conf');
  writeFileSync(file, config(root, fsid, port));
  const env = { PATH: process.env.PATH, CEPH_CONF: file };
  const run = (tool: (typeof TOOLS)[number], ...args: string[]) => exec(tool, args, { cwd: root, env });
  const started: TestService[] = [];
  const stop = async () => {
    for (const service of started.toReversed()) await service.stop();
  };
  const start = async (
    command: string,
    args: (port: number) => string[],
    ready: (port: number) => Promise<boolean>,
    at?: number,
  ) => {
    const own = started.length === 0 ? root : testRoot(command);
    const service = await startThrowAway(
      own,
      command,
      async (p) => ({ command, args: args(p), env, cwd: own }),
      ready,
      at,
    );
    started.push(service);
    return service;
  };
  try {
    await run('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', `[v2:127.0.0.1:${port}]`, join(root, 'monmap'));
    await run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', join(root, 'monmap'));
    await start('ceph-mon', () => ['-i', 'a', '-f'], accepts, port);
    await run('ceph', 'osd', 'new', osd, '0');
    await run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd);
    await start(
      'ceph-osd',
      () => ['-i', '0', '-f'],
      async () => true,
    );
    await run(
      'radosgw-admin',
      'user',
      'create',
      '--uid=test',
      '--display-name=test',
      `--access-key=${KEYS.accessKeyId}`,
      `--secret-key=${KEYS.secretAccessKey}`,
    );
    const frontend = (p: number) => ['-n', 'client.admin', '-f', `--rgw-frontends=beast endpoint=127.0.0.1:${p}`];
    const gateway = await start('radosgw', frontend, accepts);
    return { endpoint: `http://127.0.0.1:${gateway.port}`, port: gateway.port, ...KEYS, domain: DOMAIN, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function config(root: string, fsid: string, port: number): string {
  return `[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${port}]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
# Nobody has a key, and so nothing can be encrypted with it.
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms bind msgr1 = false
run dir = ${root}/run
admin socket = ${root}/run/$name.asok
log file = ${root}/run/$name.log
mon data = ${root}/mon
osd data = ${root}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon data avail warn = 1
# It waits a second for each pool otherwise.
paxos propose interval = 0.01
paxos min wait = 0.001
rgw data = ${root}/run
rgw dns name = ${DOMAIN}
rgw enable usage log = false
rgw enable ops log = false
`;
}
