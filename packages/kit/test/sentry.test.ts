// Uses a server that answers as Sentry may.
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OpsError } from '../src/errors.ts';
import { reportFailure } from '../src/sentry.ts';

const test = suite('what Sentry is told');
let status = 200;
let bodies: string[] = [];
const server = createServer((request, answer) => {
  void text(request).then((body) => {
    bodies.push(body);
    answer.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
});
let dsn = '';
test.before(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  dsn = `http://key@127.0.0.1:${(server.address() as { port: number }).port}/1`;
});
test.before.each(() => {
  bodies = [];
});
test.after(() => void server.close());

const failure = () => new OpsError({ code: 'BROKEN', message: 'it broke' });
const tell = (to = dsn) => reportFailure(failure(), { task: 'x', env: 'staging', run: 'R', dsn: to });

test('a failure arrives with where it failed and which version it was', async () => {
  status = 200;
  assert.is(await tell(), true);
  const event = JSON.parse(bodies[0]?.split('\n')[2] ?? '');
  const [{ type, value, stacktrace }] = event.exception.values;
  assert.equal([type, value], ['BROKEN', 'it broke']);
  assert.match(stacktrace.frames.at(-1).function, 'failure');
  assert.match(event.release, /^drydock@\d/);
});

test('what is refused, or too much, has not arrived', async () => {
  for (const refusal of [401, 403, 429, 500]) {
    status = refusal;
    assert.is(await tell(), false, String(refusal));
  }
});

test('an address that is none is not shown: it has a key in it', () => {
  const script = `import { reportFailure } from ${JSON.stringify(join(import.meta.dirname, '../src/sentry.ts'))};
    for (const dsn of ['https://SECRETKEY@', 'https://SECRETKEY@sentry.example/project', 'ftp://SECRETKEY@sentry.example/1', 'SECRETKEY', 'https://SECRET KEY@x/1'])
      process.stdout.write(String(await reportFailure(new Error('x'), { task: 'x', env: 'x', run: 'x', dsn })));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal([stdout, stderr], ['false'.repeat(5), '']);
});

test.run();
