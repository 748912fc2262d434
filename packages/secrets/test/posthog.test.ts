// Uses the sink, which answers as PostHog does, and the SDK that the product has.
import { freePort, type OpsError, Secret } from '@drydock/kit';
import { startTestSink, type TestSink } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Rotator } from '../src/rotators/types.ts';
import { isUnknown } from '../src/unknown.ts';
import type { Values } from '../src/values.ts';
import { type Bench, held, openBench, rotate } from './drive.ts';

const test = suite('keys of PostHog');
let sink: TestSink;
/** A project of each test's own. */
let id = 10;
const KEY = () => `phc_first${id}`;
const SECRET = () => `phs_first${id}`;

async function newProject(): Promise<void> {
  id++;
  const project = { id, organization: 'acme', api_token: KEY(), secret_api_token: SECRET() };
  await sink.setUp({ posthog: { projects: [project] } });
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
const common = () => ({
  POSTHOG_KEY: KEY(),
  POSTHOG_HOST: sink.url,
  POSTHOG_API_KEY: sink.posthog.token,
  POSTHOG_PROJECT_ID: String(id),
});
const bench = ({ secret = {}, env = {}, ask }: Wanted = {}) =>
  openBench({
    secret: { kind: 'posthog', ...secret },
    env: { ...common(), ...env },
    ctx: ask ? { ask } : {},
  });
const secretly = (wanted: Wanted = {}) =>
  bench({
    ...wanted,
    secret: { key: 'secret', variable: 'POSTHOG_FLAGS_KEY' },
    env: { POSTHOG_FLAGS_KEY: SECRET(), ...wanted.env },
  });

const project = async () => {
  const found = (await sink.world()).posthog.projects.find((one) => one.id === id);
  if (!found) throw new Error('The sink has lost the project.');
  return found;
};
const admin = (call: string) =>
  fetch(`${sink.url}/api/organizations/@current/projects/${id}/${call}/`, {
    ...{ method: 'PATCH', headers: { authorization: `Bearer ${sink.posthog.token}` } },
  });
const text = (values: Values, name = 'POSTHOG_KEY') => values[name]?.reveal();
const changes = async () => (await sink.calls()).filter((call) => call.startsWith('PATCH'));
const refusal = (call: Promise<unknown>): Promise<OpsError> =>
  call.then(
    () => assert.unreachable('went through') as never,
    (error: OpsError) => error,
  );

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

test('the project key has no overlap: nothing happens before promote, and then the old one is dead', async () => {
  const b = await bench();
  const { overlap, noWayBackAfter, says } = await (await b.rotator()).procedure();
  assert.equal([overlap, noWayBackAfter], ['none', 'promote']);
  assert.match(says.join('\n'), /the old one ends at once, and cannot be brought back/);
  assert.match(says.join('\n'), /PostHog answers its events 200 and drops them/);
  const before = await rotate(b, { until: 'validate' });
  assert.is(before.next.POSTHOG_KEY, null);
  assert.is((await project()).api_token, KEY());
  await (await b.rotator()).withdraw(before.old, before.next);
  assert.equal(await changes(), []);

  await sink.faults();
  await rotate(b, { until: 'promote' });
  assert.equal(await changes(), [`PATCH /api/organizations/@current/projects/${id}/reset_token/`]);
  const now = held(b, ['POSTHOG_KEY']);
  assert.is(text(now), (await project()).api_token);
  const { verdict, says: proven } = await (await b.rotator()).proof(before.old, now);
  assert.is(verdict, 'dead');
  assert.match(proven, /401, and 200 with the new one$/);
  // Whether a key is taken is asked of flags: capture takes any.
  assert.not.ok((await sink.calls()).some((call) => /capture|batch|\/e\//.test(call)));
  const error = await refusal((await b.rotator()).withdraw(before.old, now));
  assert.is(error.code, 'NO_WAY_BACK');
});

test('replaced by a call that had no answer, it is not taken for one that can be taken back', async () => {
  const b = await bench();
  const old = held(b, ['POSTHOG_KEY']);
  await sink.faults({ calls: 'PATCH', what: 'cut after' });
  const error = await refusal((async () => (await b.rotator()).replace?.(old, { POSTHOG_KEY: null }))());
  assert.ok(isUnknown(error));
  assert.is((await refusal((await b.rotator()).withdraw(old, { POSTHOG_KEY: null }))).code, 'NO_WAY_BACK');
});

test('cut off before and after each call, and called again, the project key is replaced once', async () => {
  const wholeWay = async () => {
    const b = await bench();
    const old = held(b, ['POSTHOG_KEY']);
    await persist(b, (one) => one.refuse(old));
    const next = await persist(b, (one) => one.make(old));
    const made = await persist(b, async (one) => (await one.replace?.(old, next)) ?? next);
    await persist(b, (one) => one.validate(old, made));
    await persist(b, (one) => one.proof(old, made));
    assert.is(text(made), (await project()).api_token);
  };
  await wholeWay();
  const { length } = await sink.calls();
  assert.ok(length >= 5);
  for (let skip = 0; skip < length; skip++)
    for (const what of ['cut before', 'cut after'] as const) {
      await newProject();
      await sink.faults({ skip, what });
      await wholeWay();
      const done = (await changes()).length - (what === 'cut before' && skip === 2 ? 1 : 0);
      assert.is(done, 1, `${what} call ${skip}`);
    }
});

test('the secret key for flags has an overlap: the old one is the backup until it is deleted', async () => {
  const b = await secretly();
  const name = 'POSTHOG_FLAGS_KEY';
  assert.is((await (await b.rotator()).procedure()).overlap, 'both');
  const { old, next, says } = await rotate(b, { until: 'promote' });
  assert.match(says, /^flags of http:\/\/127\.0\.0\.1:\d+: 200$/);
  assert.equal(
    [(await project()).secret_api_token, (await project()).secret_api_token_backup],
    [text(next, name), SECRET()],
  );
  assert.is((await (await b.rotator()).proof(old, next)).verdict, 'alive');
  for (let i = 0; i < 2; i++) await (await b.rotator()).retire(old, next);
  assert.is((await (await b.rotator()).proof(old, next)).verdict, 'dead');
  assert.is((await project()).secret_api_token_backup, null);
});

test('cut off before and after each call, the secret key is rotated once, and its backup deleted', async () => {
  const wholeWay = async () => {
    const b = await secretly();
    const old = held(b, ['POSTHOG_FLAGS_KEY']);
    await persist(b, (one) => one.refuse(old));
    const next = await persist(b, (one) => one.make(old));
    await persist(b, (one) => one.validate(old, next));
    await persist(b, (one) => one.retire(old, next));
    assert.is((await persist(b, (one) => one.proof(old, next))).verdict, 'dead');
    assert.is(text(next, 'POSTHOG_FLAGS_KEY'), (await project()).secret_api_token ?? '');
  };
  await wholeWay();
  const { length } = await sink.calls();
  for (let skip = 0; skip < length; skip++)
    for (const what of ['cut before', 'cut after'] as const) {
      await newProject();
      await sink.faults({ skip, what });
      await wholeWay();
    }
});

test('a backup that a rotation before has left is not ended by rotating; taken back, the old one is the backup, and the next rotation goes on with it', async () => {
  await admin('rotate_secret_token');
  const now = (await project()).secret_api_token ?? '';
  const b = await secretly({ env: { POSTHOG_FLAGS_KEY: now } });
  assert.is((await refusal((await b.rotator()).refuse(held(b, ['POSTHOG_FLAGS_KEY'])))).code, 'POSTHOG_BACKUP_LEFT');

  const reverted = await secretly();
  const { old, next } = await rotate(reverted, { until: 'make' });
  assert.is(text(next, 'POSTHOG_FLAGS_KEY'), now);
  await (await reverted.rotator()).withdraw(old, next);
  assert.is((await (await reverted.rotator()).proof(old, next)).verdict, 'alive');
});

test('a key of another project is not rotated, and not taken for one that was made', async () => {
  for (const [open, name] of [
    [bench, 'POSTHOG_KEY'],
    [secretly, 'POSTHOG_FLAGS_KEY'],
  ] as const) {
    const b = await open({ env: { POSTHOG_PROJECT_ID: '1' } });
    const error = await refusal((await b.rotator()).refuse(held(b, [name])));
    assert.is(error.code, 'KEY_OF_ANOTHER_PROJECT');
  }
});

test('without a personal API key a person replaces it, in the order that plan tells', async () => {
  const given: string[] = ['phx_personal'];
  const ask = async () => new Secret(given.shift() ?? '');
  const env = { POSTHOG_API_KEY: '' };
  const b = await bench({ env, ask });
  assert.match(
    (await (await b.rotator()).procedure()).says.join('\n'),
    /a person resets it at promote.*asked for as POSTHOG_KEY/,
  );
  const old = held(b, ['POSTHOG_KEY']);
  const next = await (await b.rotator()).make(old);
  const replace = async () => (await (await b.rotator()).replace?.(old, next)) ?? next;
  assert.is((await refusal(replace())).code, 'POSTHOG_KEY_WRONG');
  await admin('reset_token');
  given.push((await project()).api_token);
  const made = await replace();
  assert.match(await (await b.rotator()).validate(old, made), /200$/);
  assert.is((await (await b.rotator()).proof(old, made)).verdict, 'dead');

  const s = await secretly({ env: { ...env, POSTHOG_KEY: (await project()).api_token }, ask });
  const before = held(s, ['POSTHOG_FLAGS_KEY']);
  await admin('rotate_secret_token');
  given.push((await project()).secret_api_token ?? '');
  const after = await (await s.rotator()).make(before);
  const waits = await refusal((await s.rotator()).retire(before, after));
  assert.equal([waits.code, waits.exit], ['PAUSED', 3]);
  await admin('delete_secret_token_backup');
  await (await s.rotator()).retire(before, after);
  assert.is((await (await s.rotator()).proof(before, after)).verdict, 'dead');
});

test('a refused key is told; no answer, or that of somebody else, proves nothing', async () => {
  const b = await bench();
  const old = held(b, ['POSTHOG_KEY']);
  const wrong = { POSTHOG_KEY: new Secret('phc_nobodys') };
  assert.is((await refusal((await b.rotator()).validate(old, wrong))).code, 'POSTHOG_KEY_REFUSED');
  for (const fault of [
    { what: 'cut before' as const },
    { what: 'answer' as const, status: 200, body: '<html>' },
    { what: 'answer' as const, status: 403, body: '{}' },
    { what: 'answer' as const, status: 429, body: '{}' },
    { what: 'answer' as const, status: 503, body: '{}' },
  ]) {
    await sink.faults(fault);
    assert.ok(isUnknown(await refusal((await b.rotator()).proof(old, old))));
  }
  // Where every key is refused, that the old one is proves nothing.
  const both = await refusal((await b.rotator()).proof(wrong, { POSTHOG_KEY: new Secret('phc_another') }));
  assert.match(both.message, /the new one is refused as well/);
  const away = await bench({ env: { POSTHOG_HOST: `http://127.0.0.1:${await freePort()}` } });
  assert.ok(isUnknown(await refusal((await away.rotator()).proof(old, old))));
});

test('each refusal is told with what to do, and none has a key in it', async () => {
  await sink.setUp({ posthog: { tokens: [{ token: 'phx_reader', organization: 'acme', scopes: ['project:read'] }] } });
  const told = async (env: Record<string, string>) => {
    const b = await bench({ env });
    const old = held(b, ['POSTHOG_KEY']);
    const error = await refusal(
      (async () => {
        await (await b.rotator()).refuse(old);
        await (await b.rotator()).replace?.(old, { POSTHOG_KEY: null });
      })(),
    );
    assert.not.match(`${error.message} ${JSON.stringify(error.hint)} ${error.stack}`, /ph[xcs]_(?!…)[a-z]/);
    return `${error.code}: ${error.message}`;
  };
  assert.is(
    await told({ POSTHOG_API_KEY: 'phx_nonsense' }),
    'TOKEN_REFUSED: PostHog does not know the token in POSTHOG_API_KEY (401).',
  );
  assert.is(
    await told({ POSTHOG_API_KEY: 'phx_reader' }),
    'TOKEN_LACKS_SCOPE: The token in POSTHOG_API_KEY may not change its keys (reset_token): it lacks the scope project:write (403).',
  );
  assert.match(await told({ POSTHOG_PROJECT_ID: '999' }), /^PROJECT_NOT_FOUND: PostHog has no project 999 at http/);
  assert.match(await told({ POSTHOG_PROJECT_ID: '' }), /^POSTHOG_PROJECT_UNNAMED: /);
  assert.match(await told({ POSTHOG_KEY: SECRET() }), /^POSTHOG_KEY_WRONG: What POSTHOG_KEY holds is no project key/);
});

test('the SDK of the product says nothing of events that are dropped between the two', async () => {
  const { PostHog } = await import('posthog-node');
  const told = async (key: string) => {
    const client = new PostHog(key, { host: sink.url, flushAt: 10 });
    for (let i = 0; i < 10; i++) client.capture({ event: `seen ${i}`, distinctId: 'somebody' });
    await client.shutdown(5_000);
  };
  const b = await bench();
  const old = KEY();
  await told(old);
  await rotate(b, { until: 'promote' });
  await told(old);
  await told(b.values.POSTHOG_KEY?.reveal() ?? '');
  const reached = (await sink.events('posthog')).map(({ project: one }) => one);
  assert.equal([reached.length, reached.filter(Boolean).length], [30, 20]);
});

test.run();
