// Uses the sink, which answers as Sentry does, and the SDK that the product has.
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type OpsError, Secret } from '@drydock/kit';
import { startTestSink, type TestSink } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Rotator } from '../src/rotators/types.ts';
import { isUnknown } from '../src/unknown.ts';
import type { Values } from '../src/values.ts';
import { type Bench, held, ID, openBench, rotate } from './drive.ts';

const test = suite('a DSN of Sentry');
const NAME = `drydock ${ID}`;
let sink: TestSink;
/** A project of each test's own. */
let id = 10;
const slug = () => `web-${id}`;
const path = () => `/api/0/projects/acme/${slug()}/keys/`;
const first = () => `first${id}`;
const dsn = (key = first()) => `${sink.url.replace('//', `//${key}@`)}/${id}`;

async function newProject(): Promise<void> {
  id++;
  await sink.setUp({
    settings: { pageSize: 2, refusalMs: 0, missMs: 60_000, pendingMs: 0, prefix: '' },
    sentry: { projects: [{ id, organization: 'acme', slug: slug(), keys: [{ public: first() }] }] },
  });
  await sink.faults();
  await sink.forget();
}
test.before(async () => {
  sink = await startTestSink();
});
test.after(() => sink.stop());
test.before.each(newProject);

interface Wanted {
  secret?: object;
  env?: Record<string, string>;
  ask?(): Promise<Secret>;
}
const bench = ({ secret = {}, env = {}, ask }: Wanted = {}) =>
  openBench({
    secret: { kind: 'sentry', organization: 'acme', project: slug(), takenWithinSeconds: 1, ...secret },
    env: { SENTRY_DSN: dsn(), SENTRY_AUTH_TOKEN: sink.sentry.token, ...env },
    ctx: ask ? { ask } : {},
  });
const byHand = (ask: () => Promise<Secret>) => bench({ env: { SENTRY_AUTH_TOKEN: '' }, ask });

const keys = async () => (await sink.world()).sentry.projects.find((one) => one.slug === slug())?.keys ?? [];
const names = async () => (await keys()).map(({ name, isActive }) => `${name}${isActive ? '' : ', disabled'}`);
const dsns = (values: Values) => Object.values(values).map((value) => value?.reveal());
const refusal = (call: Promise<unknown>): Promise<OpsError> =>
  call.then(
    () => assert.unreachable('went through') as never,
    (error: OpsError) => error,
  );
const admin = (method: string, key = '', body: object = {}) =>
  fetch(`${sink.url}${path()}${key}`, {
    ...{ method, body: JSON.stringify(body), headers: { authorization: `Bearer ${sink.sentry.token}` } },
  });

test('a key is made beside the old one, tried, and the old one is disabled, proven dead and deleted', async () => {
  await admin('PUT', `${first()}/`, { rateLimit: { window: 60, count: 100 } });
  const b = await bench();
  await sink.faults();
  const { old, next, says, proof } = await rotate(b);
  assert.equal(await names(), ['Default, disabled', NAME]);
  const made = (await keys()).find(({ name }) => name === NAME);
  assert.equal(dsns(next), [dsn(made?.public ?? '')]);
  assert.equal(made?.rateLimit, { window: 60, count: 100 });
  assert.match(says, /^an event to http:\/\/127\.0\.0\.1:\d+: 200, twice$/);
  assert.is(proof?.verdict, 'dead');
  assert.match(proof?.says ?? '', /403, 3 times, and 200 with the new one$/);
  // A server remembers for a minute what it did not find.
  const calls = await sink.calls();
  assert.ok(calls.indexOf(`POST ${path()}`) < calls.indexOf(`POST /api/${id}/envelope/`));
  for (let i = 0; i < 2; i++) await (await b.rotator()).discard?.(old, next);
  assert.equal(await names(), [NAME]);
});

test('with delete: false the old key stays, disabled', async () => {
  const b = await bench({ secret: { delete: false } });
  const { old, next } = await rotate(b);
  await (await b.rotator()).discard?.(old, next);
  assert.equal(await names(), ['Default, disabled', NAME]);
});

/** As operators do after a kill: again, with a rotator that knows nothing. */
async function persist<T>(b: Bench, call: (rotator: Rotator) => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await call(await b.rotator());
    } catch (error) {
      if (!isUnknown(error) || tries > 2) throw error;
    }
  }
}

async function wholeWay(b: Bench): Promise<void> {
  const old = held(b, ['SENTRY_DSN']);
  await persist(b, (one) => one.refuse(old));
  const next = await persist(b, (one) => one.make(old));
  await persist(b, (one) => one.add(old, next));
  await persist(b, (one) => one.retire(old, next));
  await persist(b, async (one) => one.discard?.(old, next));
}

test('cut off before and after each call, and called again: one new key, and none is left over', async () => {
  await wholeWay(await bench());
  const calls = (await sink.calls()).length;
  assert.ok(calls > 7);
  for (let skip = 0; skip < calls; skip++)
    for (const what of ['cut before', 'cut after'] as const) {
      await newProject();
      await sink.faults({ skip, what });
      await wholeWay(await bench());
      assert.equal(await names(), [NAME], `${what} call ${skip}`);
    }
});

test('taken back, cut off before and after each call: as if it had never been made, also where make did not come back', async () => {
  for (const came of [true, false])
    for (let skip = 0; skip < 3; skip++)
      for (const what of ['cut before', 'cut after'] as const) {
        const b = await bench();
        const old = held(b, ['SENTRY_DSN']);
        await sink.faults();
        if (!came) await sink.faults({ calls: `POST ${path()}`, what: 'cut after' });
        const next = await (await b.rotator()).make(old).catch(() => ({}));
        assert.equal(await names(), ['Default', NAME]);
        await sink.faults({ skip, what });
        await persist(b, (one) => one.withdraw(old, next));
        assert.equal(await names(), ['Default'], `${what} call ${skip}`);
      }
});

test('a key that was made after all, when another had been made in its place, is cleared away; on whatever page it is', async () => {
  const b = await bench();
  const old = held(b, ['SENTRY_DSN']);
  const next = await (await b.rotator()).make(old);
  for (const name of ['one', 'two', 'three', NAME, 'four']) await admin('POST', '', { name });
  await (await b.rotator()).add(old, next);
  assert.equal((await names()).sort(), ['Default', NAME, 'four', 'one', 'three', 'two'].sort());
  assert.equal(dsns(await (await b.rotator()).make(old)), dsns(next));
});

test('a new key is believed in when it is taken twice: at first a server takes everything', async () => {
  const b = await bench();
  await sink.setUp({ settings: { pendingMs: 1_000 } });
  const old = held(b, ['SENTRY_DSN']);
  const wrong = { SENTRY_DSN: new Secret(dsn('f'.repeat(32))) };
  const error = await refusal((await b.rotator()).validate(old, wrong));
  assert.is(error.code, 'DSN_REFUSED');
  assert.equal(await sink.events('sentry'), []);
});

test('a key that somebody tried too early is waited for', async () => {
  await sink.setUp({ settings: { missMs: 1_500 } });
  const b = await bench({ secret: { takenWithinSeconds: 30 } });
  const old = held(b, ['SENTRY_DSN']);
  const next = { SENTRY_DSN: new Secret(dsn('early')) };
  await fetch(`${sink.url}/api/7/envelope/?sentry_key=early`, { method: 'POST', body: '{}\n' });
  await sink.setUp({
    sentry: { projects: [{ id: 7, organization: 'acme', slug: 'seven', keys: [{ public: 'early' }] }] },
  });
  const seven = { SENTRY_DSN: new Secret(next.SENTRY_DSN.reveal().replace(/\d+$/, '7')) };
  assert.match(await (await b.rotator()).validate(old, seven), /200, twice$/);
});

test('after it was disabled a server goes on taking it for a while: alive, and said until when; then dead', async () => {
  await sink.setUp({ settings: { refusalMs: 2_000 } });
  const b = await bench({ secret: { refusedWithinSeconds: 2 } });
  const old = held(b, ['SENTRY_DSN']);
  const next = await (await b.rotator()).make(old);
  assert.is((await (await b.rotator()).proof(old, next)).verdict, 'alive');
  await (await b.rotator()).retire(old, next);
  const { verdict, says } = await (await b.rotator()).proof(old, next);
  assert.is(verdict, 'alive');
  assert.match(says, /200; Sentry may take events for 2 s after a key was disabled \(until \d{4}-.*Z at the latest\)/);
  const deadline = Date.now() + 15_000;
  while ((await (await b.rotator()).proof(old, next)).verdict === 'alive') {
    assert.ok(Date.now() < deadline);
    await sleep(100);
  }
  // Not the key alone: the whole project takes nothing.
  await admin('PUT', `${new URL(next.SENTRY_DSN?.reveal() ?? '').username}/`, { isActive: false });
  await sleep(2_100);
  const error = await refusal((await b.rotator()).proof(old, next));
  assert.ok(isUnknown(error));
  assert.match(error.message, /the new one is refused as well/);
});

test('no answer, one of somebody else, and one that is too busy prove nothing', async () => {
  const b = await bench();
  const old = held(b, ['SENTRY_DSN']);
  const unknowns = [
    { what: 'cut before' as const },
    { what: 'cut after' as const },
    { what: 'answer' as const, status: 403, body: '<html>Forbidden by the proxy</html>' },
    { what: 'answer' as const, status: 200, body: 'Welcome to the hotel' },
    { what: 'answer' as const, status: 429, headers: { 'retry-after': '60' }, body: '{"detail":"rate limit"}' },
    { what: 'answer' as const, status: 502, body: '' },
  ];
  for (const fault of unknowns)
    for (const call of ['proof', 'validate'] as const) {
      await sink.faults({ ...fault, times: 9 });
      const error = await refusal((await b.rotator())[call](old, old));
      assert.ok(isUnknown(error), `${call}: ${error.message}`);
    }
  const away = { SENTRY_DSN: new Secret(`http://key@127.0.0.1:${await freePort()}/1`) };
  assert.ok(isUnknown(await refusal((await b.rotator()).proof(away, away))));
});

test('each refusal is told with what to do, and none has the token in it', async () => {
  await sink.setUp({
    sentry: {
      projects: [{ id: 2, organization: 'acme', slug: 'other', keys: [{ public: 'otherkey' }] }],
      tokens: [
        { token: 'sntryu_reader', organization: 'acme', scopes: ['project:read'] },
        { token: 'sntryu_writer', organization: 'acme', scopes: ['project:read', 'project:write'] },
      ],
    },
  });
  const make = (wanted: Wanted) =>
    bench(wanted).then(async (b) => refusal((await b.rotator()).make(held(b, ['SENTRY_DSN']))));
  const told = async (wanted: Wanted) => {
    const error = await make(wanted);
    const all = `${error.message} ${JSON.stringify(error.hint)} ${error.stack} ${String(error.cause)}`;
    assert.not.match(all, /sntryu_/);
    return `${error.code}: ${error.message}`;
  };
  assert.is(
    await told({ env: { SENTRY_AUTH_TOKEN: 'sntryu_nonsense' } }),
    'TOKEN_REFUSED: Sentry does not know the token in SENTRY_AUTH_TOKEN (401).',
  );
  assert.is(
    await told({ env: { SENTRY_AUTH_TOKEN: 'sntryu_reader' } }),
    'TOKEN_LACKS_SCOPE: The token in SENTRY_AUTH_TOKEN may not make a client key: it lacks the scope project:write (403).',
  );
  assert.match(
    await told({ secret: { project: 'nowhere' } }),
    /^PROJECT_NOT_FOUND: Sentry has no project nowhere of the organization acme at http:\/\/127.0.0.1:\d+, or the token/,
  );
  assert.match(
    await told({ secret: { project: 'other' } }),
    /^KEY_OF_ANOTHER_PROJECT: The DSN in SENTRY_DSN is none of the 1 of project other of the organization acme/,
  );
  assert.match(
    await told({ secret: { organization: undefined } }),
    /^SENTRY_PROJECT_UNNAMED: .*secrets\.rotate\.it\.organization is not/,
  );
  assert.is(await told({ env: { SENTRY_DSN: 'nonsense' } }), 'DSN_WRONG: What SENTRY_DSN holds is no DSN.');

  const b = await bench({ env: { SENTRY_AUTH_TOKEN: 'sntryu_writer' } });
  const { old, next } = await rotate(b);
  const error = await refusal((async () => (await b.rotator()).discard?.(old, next))());
  assert.match(error.message, /may not delete a client key: it lacks the scope project:admin \(403\)/);
});

test('asked too often, it waits as long as it is told, and no longer than a minute; what it cannot read it does not believe', async () => {
  const b = await bench();
  const old = held(b, ['SENTRY_DSN']);
  await sink.faults({ what: 'answer', status: 429, headers: { 'retry-after': '1' }, body: '{}' });
  const since = performance.now();
  await (await b.rotator()).refuse(old);
  assert.ok(performance.now() - since > 900);
  await sink.faults({ what: 'answer', status: 429, headers: { 'retry-after': '3600' }, body: '{}' });
  const error = await refusal((await b.rotator()).refuse(old));
  assert.ok(isUnknown(error));
  assert.match(error.message, /wants 3600 s of rest/);
  for (const body of ['[{"id": 7}]', 'no JSON', '']) {
    await sink.faults({ what: 'answer', status: 200, body });
    assert.is((await refusal((await b.rotator()).refuse(old))).code, 'SERVICE_ANSWER');
  }
});

test('a Sentry of one’s own, below a path and of another organization, keeps its place in the DSN', async () => {
  await sink.setUp({ settings: { prefix: '/errors/sentry' } });
  await sink.setUp({
    sentry: {
      projects: [{ id: 9, organization: 'other org', slug: 'shop-staging', keys: [{ public: 'first' }] }],
      tokens: [{ token: 'sntryu_other', organization: 'other org', scopes: ['project:admin', 'project:read'] }],
    },
  });
  const old = `${sink.url.replace('//', '//first@')}/errors/sentry/9`;
  for (const url of [undefined, `${sink.url}/errors/sentry`, `${sink.url}/errors/sentry/`]) {
    const b = await bench({
      secret: { organization: 'other org', project: 'shop-{env}', ...(url ? { url } : {}) },
      env: { SENTRY_DSN: old, SENTRY_AUTH_TOKEN: 'sntryu_other' },
    });
    await (await b.rotator()).refuse(held(b, ['SENTRY_DSN']));
  }
  const b = await bench({
    secret: { organization: 'other org', project: 'shop-{env}' },
    env: { SENTRY_DSN: old, SENTRY_AUTH_TOKEN: 'sntryu_other' },
  });
  const { next, proof } = await rotate(b);
  assert.match(dsns(next)[0] ?? '', /^http:\/\/[0-9a-f]{32}@127\.0\.0\.1:\d+\/errors\/sentry\/9$/);
  assert.is(proof?.verdict, 'dead');
});
test('without a token a person makes the keys: what they give has to be another key of the same project', async () => {
  const given: string[] = [dsn(), dsn('x').replace(/\d+$/, '2'), 'nonsense'];
  const b = await byHand(async () => new Secret(`${given.shift()}\n`));
  const old = held(b, ['SENTRY_DSN']);
  const says = (await (await b.rotator()).procedure()).says.join('\n');
  assert.match(
    says,
    /without a token \(SENTRY_AUTH_TOKEN\) a person makes the keys.*\n.*first: "Generate New Key".*\n.*\n.*then, .*"Disable"/,
  );
  await (await b.rotator()).refuse(old);
  for (const why of ['is the one that is in use', 'is of another project', 'is no DSN'])
    assert.match((await refusal((await b.rotator()).make(old))).message, new RegExp(why));

  const made = (await (await admin('POST', '', { name: 'by hand' })).json()) as { public: string };
  given.push(dsn(made.public));
  const next = await (await b.rotator()).make(old);
  assert.equal(dsns(next), [dsn(made.public)]);
  assert.match(await (await b.rotator()).validate(old, next), /200, twice/);
  const waits = await refusal((await b.rotator()).retire(old, next));
  assert.equal([waits.code, waits.exit], ['PAUSED', 3]);
  assert.match(String(waits.hint), /Disable it in Sentry, Settings > Projects > Client Keys \(DSN\)/);
  await admin('PUT', `${first()}/`, { isActive: false });
  await (await b.rotator()).retire(old, next);
  assert.is((await (await b.rotator()).proof(old, next)).verdict, 'dead');
  await (await b.rotator()).discard?.(old, next);
  await (await b.rotator()).withdraw(old, next);
  assert.match(b.said.join(), /to be deleted by hand/);
});

async function tell(dsnNow: string, from: number, to: number): Promise<void> {
  const Sentry = await import('@sentry/node');
  Sentry.init({ dsn: dsnNow, defaultIntegrations: false });
  for (let i = from; i < to; i++) Sentry.captureMessage(`event ${i}`);
  // It says that all went well, whatever the server has answered.
  assert.is(await Sentry.close(5_000), true);
}
const told = async () =>
  new Set(
    (await sink.events('sentry')).flatMap(({ name, payload }) => {
      const { message } = payload as { message?: string };
      return name === 'event' && typeof message === 'string' ? [message] : [];
    }),
  );

test('100 events of the product’s SDK over a rotation: all of them arrive; with the keys in the wrong order some do not, and it says nothing', async () => {
  await sink.setUp({ settings: { refusalMs: 1_000 } });
  const b = await bench();
  const old = held(b, ['SENTRY_DSN']);
  const now = () => b.values.SENTRY_DSN?.reveal() ?? '';
  await tell(now(), 0, 20);
  const next = await (await b.rotator()).make(old);
  await (await b.rotator()).add(old, next);
  await tell(now(), 20, 40);
  await (await b.rotator()).validate(old, next);
  await b.put((await b.rotator()).promoted(old, next));
  // One instance was started again, the other one was not yet.
  await tell(old.SENTRY_DSN?.reveal() ?? '', 40, 60);
  await tell(now(), 60, 80);
  await (await b.rotator()).retire(old, next);
  while ((await (await b.rotator()).proof(old, next)).verdict === 'alive') await sleep(100);
  await (await b.rotator()).discard?.(old, next);
  await tell(now(), 80, 100);
  assert.is((await told()).size, 100);

  await sink.forget();
  await tell(old.SENTRY_DSN?.reveal() ?? '', 0, 20);
  assert.is((await told()).size, 0);
});

test.run();
