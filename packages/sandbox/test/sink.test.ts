// Uses the sink, as a process.
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestSink, type TestSink } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('the sink, as the documentation of Sentry and PostHog has them');
let sink: TestSink;
test.before(async () => {
  sink = await startTestSink({ pageSize: 2, missMs: 300 });
});
test.after(() => sink.stop());
test.before.each(async () => {
  await sink.forget();
  await sink.faults();
});

const ID = 'c'.repeat(32);
const ENVELOPE = `{"event_id":"${ID}"}\n{"type":"event"}\n{"message":"boom"}\n`;

async function send(key: string, project = 1, body = ENVELOPE): Promise<{ status: number; body: unknown }> {
  const headers = { 'x-sentry-auth': `Sentry sentry_version=7, sentry_key=${key}` };
  const answer = await fetch(`${sink.url}/api/${project}/envelope/`, { method: 'POST', headers, body });
  return { status: answer.status, body: await answer.json() };
}

async function admin(method: string, path: string, body?: object, token = sink.sentry.token) {
  const answer = await fetch(`${sink.url}/api/0/projects/acme/web/keys/${path}`, {
    ...{ method, headers: token ? { authorization: `Bearer ${token}` } : {} },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  return { status: answer.status, link: answer.headers.get('link') ?? '', body: text ? JSON.parse(text) : undefined };
}

async function posthog(
  method: string,
  path: string,
  { token = sink.posthog.token, body }: { token?: string; body?: object } = {},
) {
  const answer = await fetch(`${sink.url}${path}`, {
    ...{ method, headers: token ? { authorization: `Bearer ${token}` } : {} },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text };
}
const project = (call = '') => `/api/organizations/@current/projects/1/${call}`;
const flags = async (token: string) =>
  (await posthog('POST', '/flags/?v=2', { token: '', body: { token, distinct_id: 'somebody' } })).status;
const definitions = async (bearer: string, token: string) =>
  (await posthog('GET', `/flags/definitions?token=${token}`, { token: bearer })).status;

const keysOfWeb = async () => (await sink.world()).sentry.projects.find(({ slug }) => slug === 'web')?.keys.length ?? 0;
const refused = { status: 403, body: { detail: 'event submission rejected with_reason: ProjectId' } };

test('an active key is taken and answered with the id of the event; another one, or one of another project, is refused', async () => {
  assert.equal(await send('testkey'), { status: 200, body: { id: ID } });
  assert.equal(await send('nobody'), refused);
  assert.equal(await send('testkey', 2), refused);
  const none = await fetch(`${sink.url}/api/1/envelope/`, { method: 'POST', body: ENVELOPE });
  assert.is(none.status, 401);
  const store = await fetch(`${sink.url}/api/1/store/?sentry_key=testkey`, {
    ...{ method: 'POST', body: JSON.stringify({ event_id: ID, message: 'boom' }) },
  });
  assert.equal([store.status, await store.json()], [200, { id: ID }]);
  assert.equal(
    (await sink.events('sentry')).map(({ name, key, project: id }) => [name, key, id]),
    [
      ['event', 'testkey', 1],
      ['event', 'testkey', 1],
    ],
  );
});

test('a new key works at once, unless somebody tried it before it was there: then for as long as a miss is remembered it does not', async () => {
  const { status, body: key } = await admin('POST', '', { name: 'new', rateLimit: { window: 60, count: 5 } });
  assert.is(status, 201);
  assert.equal([key.name, key.isActive, key.rateLimit], ['new', true, { window: 60, count: 5 }]);
  const { username, pathname } = new URL(key.dsn.public);
  assert.equal([username, pathname], [key.public, '/1']);
  assert.is((await send(key.public)).status, 200);

  await sink.setUp({ settings: { missMs: 700 } });
  await send('early');
  await sink.setUp({
    sentry: { projects: [{ id: 7, organization: 'acme', slug: 'early', keys: [{ public: 'early' }] }] },
  });
  assert.is((await send('early', 7)).status, 403);
  await sleep(800);
  assert.is((await send('early', 7)).status, 200);
});

test('a key that is disabled is believed in for as long as a project is remembered, and is refused then', async () => {
  const { body: key } = await admin('POST', '', { name: 'old' });
  await sink.setUp({ settings: { refusalMs: 1_000 } });
  assert.is((await send(key.public)).status, 200);
  const since = performance.now();
  assert.is((await admin('PUT', `${key.id}/`, { isActive: false })).body.isActive, false);
  assert.is((await send(key.public)).status, 200);
  while ((await send(key.public)).status === 200) await sleep(50);
  assert.ok(performance.now() - since > 800);
  await sink.setUp({ settings: { refusalMs: 0 } });
  assert.is((await admin('DELETE', `${key.id}/`)).status, 204);
  assert.is((await admin('GET', `${key.id}/`)).status, 404);
});

test('before a server has looked for a key it takes everything, and drops it when there is no such key', async () => {
  await sink.setUp({ settings: { pendingMs: 500 } });
  assert.is((await send('never-made')).status, 200);
  await sleep(600);
  assert.equal(await send('never-made'), refused);
  assert.equal(await sink.events('sentry'), []);
  await sink.setUp({ settings: { pendingMs: 0 } });
});

test('keys are listed in pages, the newest first, and the link says whether there are more', async () => {
  for (const name of ['one', 'two', 'three']) await admin('POST', '', { name });
  const names: string[] = [];
  let cursor = '0:0:0';
  for (;;) {
    const { body, link } = await admin('GET', `?cursor=${cursor}`);
    names.push(...body.map(({ name }: { name: string }) => name));
    assert.ok(body.length <= 2);
    const [, more, next] = /rel="next"; results="(true|false)"; cursor="([^"]+)"/.exec(link) ?? [];
    if (more === 'false') break;
    cursor = next ?? '';
  }
  assert.equal(names.slice(0, 3), ['three', 'two', 'one']);
  assert.is(names.at(-1), 'Default');
});

test('Sentry refuses no token (401), one that is unknown (401), a scope that is missing (403), a project that is not there (404)', async () => {
  await sink.setUp({ sentry: { tokens: [{ token: 'reader', organization: 'acme', scopes: ['project:read'] }] } });
  await sink.setUp({ sentry: { tokens: [{ token: 'writer', organization: 'acme', scopes: ['project:write'] }] } });
  await sink.setUp({ sentry: { tokens: [{ token: 'other', organization: 'other', scopes: ['project:admin'] }] } });
  assert.is((await admin('GET', '', undefined, '')).status, 401);
  assert.is((await admin('GET', '', undefined, 'nonsense')).status, 401);
  assert.is((await admin('GET', '', undefined, 'reader')).status, 200);
  assert.is((await admin('POST', '', {}, 'reader')).status, 403);
  assert.is((await admin('POST', '', {}, 'other')).status, 403);
  assert.is((await admin('DELETE', 'testkey/', undefined, 'writer')).status, 403);
  assert.is((await admin('GET', '../../nowhere/keys/')).status, 404);
  assert.is((await admin('POST', '', { name: 'x'.repeat(65) })).status, 400);
});

test('capture takes any token that could be one; flags say whether it is', async () => {
  const capture = (api_key: string) =>
    posthog('POST', '/capture/', { token: '', body: { api_key, event: 'seen', distinct_id: 'somebody' } });
  assert.is((await capture('phc_test')).status, 200);
  assert.is((await capture('phc_nobodys')).status, 200);
  assert.is((await capture('')).status, 401);
  assert.is((await capture(sink.posthog.token)).status, 401);
  assert.equal(
    (await sink.events('posthog')).map(({ key, project: id }) => [key, id]),
    [
      ['phc_test', 1],
      ['phc_nobodys', undefined],
    ],
  );
  assert.is(await flags('phc_test'), 200);
  assert.is(await flags('phc_nobodys'), 401);
});

test('resetting a project key ends the old one at once; a secret key stays valid as the backup until that is deleted', async () => {
  const { body: reset } = await posthog('PATCH', project('reset_token/'), { body: {} });
  assert.is(await flags('phc_test'), 401);
  assert.is(await flags(reset.api_token), 200);
  assert.is((await posthog('GET', project())).body.api_token, reset.api_token);

  const { body: rotated } = await posthog('PATCH', project('rotate_secret_token/'), { body: {} });
  assert.is(rotated.secret_api_token_backup, 'phs_test');
  for (const key of ['phs_test', rotated.secret_api_token]) assert.is(await definitions(key, reset.api_token), 200);
  assert.is(await definitions('phs_other', reset.api_token), 401);
  const { body: deleted } = await posthog('PATCH', project('delete_secret_token_backup/'), { body: {} });
  assert.is(deleted.secret_api_token_backup, null);
  assert.is(await definitions('phs_test', reset.api_token), 401);
});

test('PostHog refuses no key (401), one that is unknown (401), a scope that is missing (403), a project that is not there (404)', async () => {
  await sink.setUp({ posthog: { tokens: [{ token: 'phx_reader', organization: 'acme', scopes: ['project:read'] }] } });
  assert.is((await posthog('GET', project(), { token: '' })).status, 401);
  assert.is((await posthog('GET', project(), { token: 'phx_nonsense' })).status, 401);
  assert.is((await posthog('GET', project(), { token: 'phx_reader' })).status, 200);
  const { status, body } = await posthog('PATCH', project('reset_token/'), { token: 'phx_reader', body: {} });
  assert.equal([status, body.detail], [403, "API key missing required scope 'project:write'"]);
  assert.is((await posthog('GET', '/api/organizations/@current/projects/9/')).status, 404);
});

test('faults are those that a test wants', async () => {
  await sink.faults({
    calls: 'POST /api/1/',
    what: 'answer',
    status: 429,
    headers: { 'retry-after': '7' },
    body: '{}',
  });
  assert.is((await send('testkey')).status, 429);
  assert.is((await send('testkey')).status, 200);
  await sink.faults({ calls: 'POST /api/0/', what: 'cut after' }, { calls: 'PUT /api/0/', what: 'cut before' });
  const before = await keysOfWeb();
  await admin('POST', '', { name: 'cut' }).then(
    () => assert.unreachable('was answered'),
    () => undefined,
  );
  assert.is(await keysOfWeb(), before + 1);
  assert.ok((await sink.calls()).includes('POST /api/0/projects/acme/web/keys/'));
});

test.run();
