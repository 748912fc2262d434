// Starts small programs of node's own.
import '../../src/testing/alone.ts';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpsError } from '../../src/errors.ts';
import { exec } from '../../src/process/exec.ts';
import { processStart } from '../../src/process/identity.ts';
import { registerSecret } from '../../src/redact.ts';

const test = suite('exec');
const node = (script: string, options?: Parameters<typeof exec>[2]) => exec(process.execPath, ['-e', script], options);
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: OpsError) => error,
  );

test('it gives what was said on either stream, and arguments as they are', async () => {
  const args = ['a b', '$HOME', '`date`', "it's", '"', '*', ''];
  const script = 'console.log(JSON.stringify(process.argv.slice(1))); console.error("beside")';
  const { stdout, stderr, code } = await exec(process.execPath, ['-e', script, '--', ...args]);
  assert.equal(JSON.parse(stdout), args);
  assert.equal([stderr, code], ['beside\n', 0]);
});

test('a letter whose bytes come one by one is one letter', async () => {
  const lines: string[] = [];
  const said = 'é€𝄞';
  const script = `(async () => { for (const byte of Buffer.from('${said}')) { process.stdout.write(Buffer.from([byte])); await new Promise((done) => setTimeout(done, 15)); } })()`;
  const { stdout } = await node(script, { onLine: (line) => lines.push(line) });
  assert.equal([stdout, lines], [said, [said]]);
});

test('lines come as they are said, masked, the last one without its end too', async () => {
  registerSecret('a-secret-of-exec');
  const lines: string[] = [];
  const script = `process.stdout.write('one\\na-secret-of'); setTimeout(() => process.stdout.write('-exec\\nlast'), 50)`;
  await node(script, { onLine: (line) => lines.push(line) });
  assert.equal(lines, ['one', '***', 'last']);
});

test('a failure says the exit code and the last words, and nothing secret', async () => {
  const error = await refusal(node(`console.error('it broke: a-secret-of-exec'); process.exit(7)`));
  assert.is(error?.code, 'COMMAND_FAILED');
  assert.match(error?.message ?? '', /ended with exit code 7: it broke: \*\*\*$/);
  assert.is((await node('process.exit(7)', { okCodes: [7] })).code, 7);
});

test('the end by a signal is told as that, whatever codes are no failure', async () => {
  for (const signal of ['SIGKILL', 'SIGTERM']) {
    const work = node(`process.kill(process.pid, '${signal}'); setTimeout(() => {}, 10_000)`, { okCodes: [1] });
    assert.match((await refusal(work))?.message ?? '', `was ended by ${signal}.`);
  }
});

test('its environment is what is given, and its input ends', async () => {
  const env = { PATH: process.env.PATH, ONLY: 'this' };
  const { stdout } = await node('console.log(Object.keys(process.env).includes("HOME"), process.env.ONLY)', { env });
  assert.is(stdout, 'false this\n');
  assert.is((await exec('cat', [])).stdout, '');
  assert.is((await exec('cat', [], { input: 'ä\n' })).stdout, 'ä\n');
});

test('the signal ends it with what it has started', async () => {
  const file = join(mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-exec-')), 'grandchild');
  const script = `const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    require('node:fs').writeFileSync(${JSON.stringify(file)}, String(child.pid)); setInterval(() => {}, 1000);`;
  writeFileSync(`${file}.js`, script);
  const controller = new AbortController();
  const work = refusal(exec(process.execPath, [`${file}.js`], { signal: controller.signal }));
  while (!existsSync(file) || readFileSync(file, 'utf8') === '') await sleep(10);
  const pid = Number(readFileSync(file, 'utf8'));
  assert.ok(processStart(pid));
  controller.abort(new Error('enough'));
  assert.is((await work)?.message, 'enough');
  for (let tries = 0; processStart(pid) && tries < 500; tries++) await sleep(10);
  assert.is(processStart(pid), undefined);
});

test.run();
