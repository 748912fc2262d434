// Uses a shell, and systemd-analyze where it is there: what goes on with rotations by itself.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOOLKIT } from '@drydock/kit/cli';
import { hasSystemd, makeStrangeProduct, runTaskForTest, systemdAnalyze } from '@drydock/kit/testing';
import { testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import schedule from '../scripts/schedule.ts';

const test = suite('secrets:schedule');

async function printed(root: string, ...argv: string[]): Promise<string> {
  const { outcome, error } = await runTaskForTest(schedule, root, ['--env', 'staging', ...argv]);
  assert.is(error, undefined, error?.message);
  return outcome?.document ?? '';
}

test('the line of cron starts the task there, whatever the folder is called, and with nothing of a shell', async () => {
  const folder = join(testRoot('cron'), "it's 100% here");
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/.bin/npm'), '#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
  const root = makeStrangeProduct({});
  const line = (await printed(root, '--format', 'cron', '--folder', folder, '--at', '3:05'))
    .split('\n')
    .find((text) => text.startsWith('5 3 * * * '));
  // As cron does it: the first % that stands alone would end it.
  const command = line?.slice('5 3 * * * '.length).replaceAll('\\%', '%') ?? '';
  const said = execFileSync('/bin/sh', ['-c', command], { env: {}, encoding: 'utf8' }).trimEnd().split('\n');
  const [where, ...words] = said;
  assert.is(where, folder);
  assert.equal(words.slice(0, 4), ['run', '-s', 'secrets:rotate', '--']);
  assert.equal(words.slice(words.indexOf('--config')).slice(0, 2), ['--config', join(root, 'drydock.config.ts')]);
});

test('a config of the toolkit’s own folder goes with it to another host', async () => {
  assert.not.match(await printed(TOOLKIT, '--format', 'cron', '--folder', '/srv/drydock'), '--config');
});

(hasSystemd() ? test : test.skip)('systemd takes the units without a word', async () => {
  const folder = join(testRoot('units'), 'my 100% $HOME shop');
  mkdirSync(folder);
  const root = makeStrangeProduct({});
  const names = ['strange-secrets-staging.service', 'strange-secrets-staging.timer'];
  const files = names.map((name) => join(folder, name));
  for (const [i, name] of names.entries())
    writeFileSync(files[i] ?? '', await printed(root, '--format', 'systemd', '--file', name, '--folder', folder));
  const { status, stderr } = systemdAnalyze('verify', '--man=no', ...files);
  assert.equal([status, stderr], [0, '']);
});

test('a folder that is no whole path is refused', async () => {
  const { error } = await runTaskForTest(schedule, makeStrangeProduct({}), ['--format', 'cron', '--folder', 'here']);
  assert.equal([error?.code, error?.exit], ['USAGE', 2]);
});

test.run();
