// Uses no service: the console as a process on a product of which nothing is configured.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { makeStrangeProduct, taskProcesses } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('the console');
const tasks = taskProcesses(makeStrangeProduct({ product: '<b>strange' }));
let child: ChildProcess;
let port: number;
test.before(async () => {
  child = tasks.start('console', '--port', '0');
  const [line] = await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  port = Number(/127\.0\.0\.1:(\d+)/.exec(String(line))?.[1]);
});
test.after(() => void child?.kill('SIGKILL'));

async function ask(method: string, path: string, host: string) {
  const sent = request({ host: '127.0.0.1', port, method, path, headers: { host } });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += chunk;
  return { status: answer.statusCode, headers: answer.headers, text };
}

test('the page is served with a policy that lets nothing but its own script run, and names are escaped', async () => {
  const { status, headers, text } = await ask('GET', '/', `localhost:${port}`);
  assert.is(status, 200);
  const nonce = /script-src 'nonce-([^']+)'/.exec(String(headers['content-security-policy']))?.[1];
  assert.ok(nonce && text.includes(`<script nonce="${nonce}">`));
  assert.is(text.split('<script').length, 2, 'one script alone');
  assert.match(text, '&lt;b&gt;strange: operations');
  assert.is(headers['cache-control'], 'no-store');
});

test('a page of elsewhere whose name leads here is refused (DNS rebinding), and so is everything but GET of the one page', async () => {
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    `127.0.0.1.evil.example:${port}`,
    `127.0.0.1:${port}@evil.example`,
  ])
    assert.is((await ask('GET', '/', host)).status, 421, host);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'])
    assert.is((await ask(method, '/', `127.0.0.1:${port}`)).status, 405, method);
  assert.is((await ask('GET', '/../../etc/passwd', `127.0.0.1:${port}`)).status, 404);
});

test('a port that is taken is said: exit 1; Ctrl-C is its ordinary end', async () => {
  const second = await tasks.ask('console', '--port', String(port));
  assert.equal([second.code, second.error.code], [1, 'PORT_TAKEN']);
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  assert.is((await ended)[0], 0);
});

test.run();
