// Uses git. Tasks work with values that are searched for everywhere afterwards.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bareEnvironment, LeakScan, makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { searchCheckout } from './canary.ts';

const test = suite('no value is left anywhere');
const [KEY, EDITED, PASSWORD] = ['kP4thK3yZx81"mPxW2aB9cDe', 'eD1tedK3yZx81LmPxW2aB9cD', 'p4ss/w+rd%41LmPx&Qz'];

async function run(
  root: string,
  script: string,
  { input = '', env = {}, args = [] as string[] } = {},
): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../scripts', script), ...args], {
    cwd: root,
    env: bareEnvironment({ CI: 'true', DEBUG: '1', ...env }),
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, said };
}

test('after sealing, opening, editing, asking who can open and what has leaked: output, journals, arguments, folders, git; and a planted one is found', async () => {
  const root = makeStrangeProduct(
    { secrets: { rotate: { api: { kind: 'generic', variable: 'API_KEY' } } } },
    { API_KEY: KEY, REDIS_URL: `redis://app:${encodeURIComponent(PASSWORD)}@127.0.0.1:6379` },
  );
  const editor = join(root, 'editor.sh');
  writeFileSync(editor, '#!/bin/sh\ncat new >> "$1"\n');
  chmodSync(editor, 0o755);
  writeFileSync(join(root, 'new'), `MAIL_KEY='${EDITED}'\n`);
  const scan = new LeakScan({ KEY, EDITED, PASSWORD });
  const watch = scan.watchArguments();
  const staging = ['--env', 'staging'];
  const ended: [string, number, number][] = [];
  const does = async (script: string, code: number, options: Parameters<typeof run>[2]) => {
    const { code: was, said } = await run(root, script, options);
    ended.push([script, was, code]);
    scan.text(script, said);
  };
  await does('seal.ts', 0, { args: staging });
  await does('edit.ts', 0, { args: staging, env: { EDITOR: editor } });
  await does('edit.ts', 1, { args: staging, env: { EDITOR: 'sh -c "cat new >> $1; exit 1" sh' } });
  await does('open.ts', 0, { args: [...staging, '--json'] });
  await does('leaked.ts', 3, { input: `${KEY}\n`, args: staging });
  await does('leaked.ts', 3, { input: encodeURIComponent(PASSWORD), args: [...staging, '--json'] });
  await does('who.ts', 0, { args: [] });
  watch.stop();
  for (const [script, was, code] of ended) assert.is(was, code, script);
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args]);
  git('init', '-q');
  git('add', '-f', '.env.staging.age', '.env.staging.age.recipients', 'drydock.config.ts');
  git('commit', '-qm', 'what is at rest');
  searchCheckout(scan, root, ['.env.staging', 'new']);
  assert.equal(scan.leaks, []);
  assert.ok(scan.looked.files >= 8 && scan.looked.processes > 3, JSON.stringify(scan.looked));

  const planted = join(root, '.drydock/planted');
  for (const shape of [
    KEY,
    JSON.stringify(KEY),
    encodeURIComponent(PASSWORD),
    Buffer.from(EDITED).toString('base64'),
  ]) {
    mkdirSync(planted, { recursive: true });
    writeFileSync(join(planted, 'log'), `x ${shape} y`);
    assert.is(searchCheckout(new LeakScan({ KEY, EDITED, PASSWORD }), root, ['.env.staging', 'new']).leaks.length, 1);
    rmSync(planted, { recursive: true });
  }
});

test.run();
