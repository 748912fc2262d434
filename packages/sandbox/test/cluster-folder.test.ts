// Uses no service: folders that look like a cluster.
import '@drydock/kit/testing';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterElsewhere, clusterFolder, isReady, markReady } from '../src/services/cluster-folder.ts';

const test = suite('cluster folder');
const asRoot = process.getuid?.() === 0 ? test : test.skip;
const USER = { uid: 65_534, gid: 65_534 };

asRoot(
  'a cluster that lies where its user no longer gets in moves to where they do, and is still known as ours',
  () => {
    const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-cluster-'));
    const wanted = join(root, 'sandbox/postgres');
    mkdirSync(join(wanted, 'base'), { recursive: true });
    chmodSync(wanted, 0o700);
    writeFileSync(join(wanted, 'PG_VERSION'), '15');
    markReady(wanted, 'an id');
    for (const path of [wanted, join(wanted, 'base'), join(wanted, 'PG_VERSION')]) chownSync(path, USER.uid, USER.gid);
    const data = clusterFolder(wanted, USER, 'an id');
    try {
      assert.is.not(data, wanted);
      assert.ok(lstatSync(wanted).isSymbolicLink());
      assert.ok(isReady(data));
      assert.ok(existsSync(join(data, 'base')));
      for (const path of [data, join(data, 'base'), join(data, 'PG_VERSION')]) assert.is(statSync(path).uid, USER.uid);
      assert.is(statSync(data).mode & 0o777, 0o700);
      assert.equal(clusterElsewhere(wanted, 'an id'), { made: [dirname(data)], foreign: [] });
      assert.is(clusterFolder(wanted, USER, 'an id'), data, 'once');
    } finally {
      rmSync(dirname(data), { recursive: true });
    }
  },
);

test.run();
