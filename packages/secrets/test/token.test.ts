// Uses no service but products of its own on loopback.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OpsError, Secret } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isUnknown } from '../src/unknown.ts';
import { type Bench, openBench, rotate } from './drive.ts';

const test = suite('token');
const OLD = 'the-token-before-any-rotation';
const servers: Server[] = [];
test.after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An instance of a product: it takes what it was started with last, and tells when one that is not the first was sent. */
async function startInstance({ list = true, header = 'authorization', scheme = 'Bearer ' } = {}) {
  const instance = { tokens: [OLD], formerUsed: 0, url: '', status: 200, open: false };
  instance.url = await listen((request, response) => {
    if (request.url === '/metrics') {
      response.end(`# TYPE former_used gauge\nformer_used{pid="1"} ${instance.formerUsed}\n`);
      return;
    }
    const sent = String(request.headers[header] ?? '').replace(scheme, '');
    const at = instance.tokens.indexOf(sent);
    if (at > 0) instance.formerUsed = Date.now() / 1_000;
    const here = request.url === '/api/admin/health';
    response.writeHead(here ? (at >= 0 || instance.open ? instance.status : 401) : 404).end('{}');
  });
  return {
    ...instance,
    instance,
    start(value: Secret | null | undefined) {
      const text = value?.reveal() ?? '';
      instance.tokens = list ? text.split(',') : [text];
      instance.formerUsed = 0;
    },
  };
}

type Instance = Awaited<ReturnType<typeof startInstance>>;

function bench(instances: readonly Instance[], secret: object = {}): Promise<Bench> {
  return openBench({
    secret: { kind: 'token', list: true, timeoutMs: 2_000, ...secret },
    env: { ADMIN_TOKEN: OLD, PUBLIC_URL: instances[0]?.url ?? 'http://127.0.0.1:9' },
    product: { addresses: async () => instances.map(({ url }) => url) },
    deploy: async ({ ADMIN_TOKEN }) => {
      for (const one of instances) one.start(ADMIN_TOKEN);
    },
  });
}

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: OpsError) => error,
  );

test('each instance takes both, then the new one alone; the old one is tried and refused', async () => {
  const instances = [await startInstance(), await startInstance()];
  const b = await bench(instances);
  const { old, next, says, proof } = await rotate(b);
  const fresh = next.ADMIN_TOKEN?.reveal() ?? '';
  assert.is(fresh.length, 43);
  assert.match(says, '2 instances: the new one is accepted, and a made-up one is refused');
  assert.is(proof?.verdict, 'dead');
  assert.match(proof?.says ?? '', /answered 401.*answered 401/);
  for (const { instance } of instances) assert.equal(instance.tokens, [fresh]);
  const rotator = await b.rotator();
  assert.is(rotator.staged(old, next).ADMIN_TOKEN?.reveal(), `${OLD},${fresh}`);
  assert.is(rotator.promoted(old, next).ADMIN_TOKEN?.reveal(), `${fresh},${OLD}`);
  // Another one on top of it, and what a rotation by hand left is ended with it.
  b.values.ADMIN_TOKEN = rotator.promoted(old, next).ADMIN_TOKEN ?? null;
  await b.put({});
  const again = await rotate(b);
  assert.is(again.proof?.verdict, 'dead');
  assert.equal(instances[0]?.instance.tokens, [again.next.ADMIN_TOKEN?.reveal()]);
});

test('one instance that does not take the new one, or still takes the old one, is seen among those that do', async () => {
  const [good, behind] = [await startInstance(), await startInstance()];
  const b = await bench([good, behind]);
  const { old, next } = await rotate(b, { until: 'make' });
  const rotator = await b.rotator();
  good.start(rotator.staged(old, next).ADMIN_TOKEN);
  assert.is((await refusal(rotator.validate(old, next)))?.code, 'TOKEN_REFUSED');
  assert.is(await refusal(rotator.validate(old, next, [good.url])), undefined);
  good.start(next.ADMIN_TOKEN);
  behind.start(rotator.promoted(old, next).ADMIN_TOKEN);
  const proof = await rotator.proof(old, next);
  assert.is(proof.verdict, 'alive');
  assert.match(proof.says, behind.url);
});

test('what proves nothing is refused before anything is made: an open path, one that is not there', async () => {
  const open = await startInstance();
  open.instance.open = true;
  assert.is(
    (await refusal((await (await bench([open])).rotator()).refuse({ ADMIN_TOKEN: null })))?.code,
    'SECRET_MISSING',
  );
  const asked = async (one: Instance, secret: object = {}) =>
    refusal(rotate(await bench([one], secret), { until: 'make' }));
  assert.is((await asked(open))?.code, 'TOKEN_NOT_CHECKED');
  assert.is((await asked(await startInstance(), { path: '/nowhere' }))?.code, 'TOKEN_PATH_MISSING');
  assert.is((await asked(await startInstance(), { header: 'x-api-key: {token}' }))?.code, 'TOKEN_REFUSED');
  const named = await startInstance({ header: 'x-api-key', scheme: '' });
  assert.is((await rotate(await bench([named], { header: 'x-api-key: {token}' }))).proof?.verdict, 'dead');
});

test('an instance that is away, or answers with a fault, proves nothing: neither a yes nor a no', async () => {
  const instance = await startInstance();
  const b = await bench([instance]);
  const { old, next } = await rotate(b);
  const rotator = await b.rotator();
  instance.instance.status = 503;
  for (const work of [rotator.proof(old, next), rotator.validate(old, next)]) assert.ok(isUnknown(await refusal(work)));
  const gone = await openBench({
    secret: { kind: 'token', list: true, timeoutMs: 1_000 },
    env: { ADMIN_TOKEN: OLD, PUBLIC_URL: 'http://127.0.0.1:9' },
  });
  assert.ok(isUnknown(await refusal((await gone.rotator()).proof(old, next))));
  assert.ok(isUnknown(await refusal((await gone.rotator()).refuse(old))));
});

test('whoever still sends the old one is told as long as the product has seen it lately', async () => {
  const instance = await startInstance();
  const b = await bench([instance], { lastUsed: { metric: 'former_used', quietSeconds: 60 } });
  const { old, next } = await rotate(b, { until: 'promote' });
  const stragglers = async () => (await b.rotator()).stragglers(old, next);
  assert.equal(await stragglers(), []);
  await fetch(`${instance.url}/api/admin/health`, { headers: { authorization: `Bearer ${OLD}` } });
  const [straggler] = await stragglers();
  assert.equal([straggler?.host, straggler?.state], [instance.url, 'sent the old one']);
  instance.instance.formerUsed -= 61;
  assert.equal(await stragglers(), []);
  const blind = await bench([instance], { lastUsed: { metric: 'another', quietSeconds: 60 } });
  assert.ok(isUnknown(await refusal((await blind.rotator()).stragglers(old, next))));
});

test('a product that takes one alone says for how long what fails, and ends with the new one', async () => {
  const instances = [await startInstance({ list: false }), await startInstance({ list: false })];
  const b = await bench(instances, { list: false, outageSeconds: 20 });
  const procedure = await (await b.rotator()).procedure();
  assert.equal([procedure.overlap, procedure.outageSeconds], ['none', 20]);
  assert.match(procedure.says.join(), 'for about 20 s');
  const { old, proof, says } = await rotate(b);
  assert.match(says, '2 instances: the new one is accepted');
  assert.is(proof?.verdict, 'dead');
  // One that was started again with the old one is no instance with the new one.
  instances[0]?.start(old.ADMIN_TOKEN);
  assert.is(
    (await refusal((await b.rotator()).validate(old, b.values, [instances[0]?.url ?? ''])))?.code,
    'TOKEN_REFUSED',
  );
});

test.run();
