// Uses HTTP servers of its own on loopback.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ask, NoAnswer, shownAddress } from '../src/http.ts';
import { freePort } from '../src/process/free-port.ts';

const test = suite('asking over HTTP');
const stops: (() => void)[] = [];
test.after(() => {
  for (const stop of stops) stop();
});

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}
const bounds = { timeoutMs: 5_000, mostBytes: 100_000 };
const refusal = (address: string, options = bounds) =>
  ask(address, options).then(
    () => assert.unreachable('was answered'),
    (error: NoAnswer) => error,
  );

test('a user and password in the address are sent as a header, and are in no message', async () => {
  let seen: string | undefined;
  const url = await serve((request, response) => {
    seen = request.headers.authorization;
    response.end('fine');
  });
  const address = url.replace('//', '//op%40er:pr0m-Pa55word@');
  assert.is((await ask(`${address}/v2/APIKEY-0123456789`, bounds)).text, 'fine');
  assert.is(seen, `Basic ${Buffer.from('op@er:pr0m-Pa55word').toString('base64')}`);
  const away = await refusal(`http://oper:pr0m-Pa55word@127.0.0.1:${await freePort()}/v2/APIKEY-0123456789?token=t0p`);
  assert.instance(away, NoAnswer);
  assert.is(away?.message, 'cannot be reached (ECONNREFUSED)');
});

test('it is a GET, with a body a POST, or what is asked for', async () => {
  const url = await serve((request, response) => response.end(request.method));
  const methods = await Promise.all(
    [{}, { body: '{}' }, { method: 'DELETE' as const }].map((one) => ask(url, { ...bounds, ...one })),
  );
  assert.equal(
    methods.map(({ text }) => text),
    ['GET', 'POST', 'DELETE'],
  );
});

test('a redirect within an origin is followed, one to another is told and not asked', async () => {
  let asked = 0;
  const other = await serve((_, response) => {
    asked += 1;
    response.end('[]');
  });
  const url = await serve((request, response) => {
    if (request.url === '/here') response.end('home');
    else response.writeHead(302, { location: request.url === '/away' ? `${other}/SECRET-PATH` : '/here' }).end();
  });
  assert.is((await ask(`${url}/moved`, bounds)).text, 'home');
  const away = await refusal(`${url}/away`);
  assert.equal([away?.kind, away?.message], ['elsewhere', `leads elsewhere, to ${other}`]);
  assert.is(asked, 0);
});

test('redirects without end, and an answer without end, end', async () => {
  let sent = 0;
  const url = await serve((request, response) => {
    if (request.url === '/loop') return void response.writeHead(307, { location: '/loop' }).end();
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536))) sent += 65_536;
    };
    response.on('drain', more);
    more();
  });
  assert.match((await refusal(`${url}/loop`))?.message ?? '', 'redirects more than 5 times');
  const endless = await refusal(`${url}/endless`);
  assert.equal([endless?.kind, endless?.message], ['too large', `answered with more than ${100_000 / 1_024} KiB`]);
  assert.ok(sent < 100_000_000, 'it was not read to its end');
});

test('one that does not answer in time is told by the time', async () => {
  const url = await serve(() => {});
  assert.is((await refusal(url, { ...bounds, timeoutMs: 100 }))?.message, 'did not answer within 100 ms');
});

test('of an address its host is shown', () => {
  assert.is(shownAddress('https://u:p@node.example:8545/v2/KEY?x=1'), 'https://node.example:8545');
  assert.is(shownAddress('u:p@nonsense'), 'an address that is none');
});

test.run();
