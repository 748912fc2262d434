// Uses npm: the toolkit's scripts, started from a product's folder.
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { relative } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { prefixTo, whereTheyAre } from '../../src/task/prefix.ts';
import { makeStrangeProduct } from '../../src/testing/index.ts';
import { TOOLKIT } from '../../src/toolkit.ts';

const test = suite('npm --prefix');

function type(cwd: string, line: string): Promise<{ code: number; said: string }> {
  return new Promise((done) =>
    execFile('bash', ['-c', line], { cwd, env: { ...process.env, CI: 'true', NO_COLOR: '1' } }, (error, stdout) =>
      done({ code: Number(error?.code ?? 0), said: stdout }),
    ),
  );
}

test('from a product it works on that product, and what it says to type next works from there', async () => {
  const root = makeStrangeProduct({}, { OPS_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' });
  mkdirSync(`${root}/.git`);
  const prefix = `npm --prefix ${relative(root, TOOLKIT)} run`;
  const typo = await type(root, `${prefix} -s env:check -- --env stagin --jsn`);
  assert.is(typo.code, 2);
  const next = /npm --prefix .*$/m.exec(typo.said)?.[0] ?? '';
  assert.is(next, `${prefix} env:check -- --help`);
  const help = await type(root, next);
  assert.is(help.code, 0, help.said);
  assert.match(help.said, `${prefix} env:check -- --env production`);
  const asked = await type(root, `${prefix} -s db:status -- --env staging`);
  assert.match(asked.said, `${root}/prisma`, "the product's schema, not that of the toolkit's own");
});

test('from above the toolkit, inside it, or by a script of its own it is the toolkit that is meant', () => {
  const npm = {
    npm_lifecycle_event: 'db:status',
    npm_config_user_agent: 'npm/11',
    npm_package_json: '/srv/drydock/package.json',
  };
  const prefixFrom = (INIT_CWD: string) => prefixTo('/srv/drydock', 'db:status', { ...npm, INIT_CWD });
  assert.is(prefixFrom('/srv/shop/src'), '../../drydock');
  assert.is(prefixFrom('/srv/drydock'), undefined);
  assert.is(prefixFrom('/srv/drydock/packages'), undefined);
  assert.is(prefixTo('/srv/drydock', 'db:status', { INIT_CWD: '/srv/shop' }), undefined);
  assert.is(prefixFrom('/srv'), 'drydock');
  assert.is(whereTheyAre('/srv/drydock', 'drydock', { INIT_CWD: '/srv' }), undefined);
  assert.is(whereTheyAre('/srv/drydock', '../drydock', { INIT_CWD: '/srv/shop' }), '/srv/shop');
});

test.run();
