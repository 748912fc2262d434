// Uses PostgreSQL: a database per test on one throw-away server.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import type { Client } from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { appendAudit } from '../../src/audit/append.ts';
import { findBreak } from '../../src/audit/chain.ts';
import { readEvents, readHead } from '../../src/audit/store.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadEnvironment } from '../../src/env/environment.ts';
import { connectPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { takeNotices } from '../../src/state/notices.ts';
import { makeProduct, writeEnv } from '../product.ts';

const test = suite('audit');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

async function append(root: string, event: string, id?: string) {
  const config = await loadConfig(undefined, root);
  const input = {
    config,
    run: 'RUN',
    task: 'escrow:rollback',
    actor: 'me',
    event,
    reason: undefined,
    outcome: 'done' as const,
    metadata: { n: 1 },
  };
  return appendAudit(loadEnvironment(config, 'staging', {}), id ? { ...input, id } : input);
}

/** A database with four events, and what the check says after `tamper`. */
async function afterTampering(tamper: string): Promise<string | undefined> {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  for (const event of ['one', 'two', 'three', 'four']) await append(root, event);
  return withClient(url, async (client) => {
    await client.query(tamper);
    return findBreak(await readEvents(client), await readHead(client));
  });
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectPostgres(new Secret(url), 'test');
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

test('an untouched chain is whole', async () => {
  assert.is(await afterTampering('SELECT 1'), undefined);
});

test('an edited row shows', async () => {
  assert.match(
    (await afterTampering(`UPDATE drydock."AuditEvent" SET metadata = '{"n":2}' WHERE event = 'three'`)) ?? '',
    /event 3 .* was edited/,
  );
});

test('a removed row shows', async () => {
  assert.match(
    (await afterTampering(`DELETE FROM drydock."AuditEvent" WHERE event = 'two'`)) ?? '',
    /event 2 is missing/,
  );
});

test('rows cut off the end show', async () => {
  assert.match(
    (await afterTampering(`DELETE FROM drydock."AuditEvent" WHERE event = 'four'`)) ?? '',
    /events after 3 are missing: 4 were written/,
  );
});

test('a row put in between shows', async () => {
  const insert = `INSERT INTO drydock."AuditEvent" SELECT 5, 'X', at, actor, task, env, run, 'forged', reason, outcome, metadata, hash, 'f00' FROM drydock."AuditEvent" WHERE seq = 4`;
  assert.match((await afterTampering(insert)) ?? '', /event 5 \(X\) was edited/);
});

test('events wait while the database is away and are written by the next run', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: 'postgresql://owner:password@127.0.0.1:9/none' });
  assert.is((await append(root, 'while away')).state, 'waiting');
  writeEnv(root, '.env.staging', { OPS_DATABASE_URL: url });
  assert.is((await append(root, 'back again')).state, 'written');
  const events = await withClient(url, readEvents);
  assert.equal(
    events.map(({ event }) => event),
    ['while away', 'back again'],
  );
});

test('the closing event of a run is written once, however often its end is repeated', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  await append(root, 'release', 'RUN-ID');
  await append(root, 'release', 'RUN-ID');
  assert.is((await withClient(url, readEvents)).length, 1);
});

test('appends at the same time keep one chain', async () => {
  const url = await postgres.createDatabase();
  const roots = Array.from({ length: 4 }, () => makeProduct({ OPS_DATABASE_URL: url }));
  await Promise.all(roots.flatMap((root) => [append(root, 'a'), append(root, 'b')]));
  await withClient(url, async (client) => {
    const events = await readEvents(client);
    assert.is(events.length, 8);
    assert.is(findBreak(events, await readHead(client)), undefined);
  });
});

test('a head that was removed shows', async () => {
  assert.match((await afterTampering('DELETE FROM drydock.audit_head')) ?? '', 'its head is missing');
});

test('what lies in the outbox and is no event of ours is set aside by name, and nothing of it is done', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  const outbox = join(root, '.drydock/outbox/staging');
  await append(root, 'first');
  writeFileSync(join(root, 'victim.json'), 'precious');
  const forged = {
    at: '2026-01-01T00:00:00.000Z',
    actor: 'ceo',
    task: 'escrow:rollback',
    env: 'staging',
    run: '01FORGED',
    event: 'escrow.rollback',
    reason: 'approved',
    outcome: 'done',
    metadata: {},
  };
  const id = '01M8J4X3S2R1QP0NM9KJH8GF7E';
  const files = {
    'evil.json': { ...forged, id: '../../../victim' },
    'other.json': { ...forged, id },
    [`${id}.json`]: { ...forged, id, env: 'production' },
    '01M8J4X3S2R1QP0NM9KJH8GF7F.json': { ...forged, id: '01M8J4X3S2R1QP0NM9KJH8GF7F', reason: 'a\u0000b' },
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(outbox, name), JSON.stringify(content));
  writeFileSync(join(outbox, 'broken.json'), '{');
  takeNotices();
  assert.is((await append(root, 'second')).state, 'written');
  const names = [...Object.keys(files), 'broken.json'];
  const told = takeNotices();
  for (const name of names)
    assert.ok(
      told.some((text) => text.includes(`${outbox}/${name} `)),
      name,
    );
  assert.equal(readdirSync(outbox).sort(), names.map((name) => `${name}.set-aside`).sort());
  assert.is(readFileSync(join(root, 'victim.json'), 'utf8'), 'precious');
  await withClient(url, async (client) =>
    assert.equal(
      (await readEvents(client)).map(({ event }) => event),
      ['first', 'second'],
    ),
  );
  await append(root, 'third');
  assert.equal(takeNotices(), [], 'what is set aside is not looked at again');
});

test.run();
