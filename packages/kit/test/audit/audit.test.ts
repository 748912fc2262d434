// Uses PostgreSQL: a database per test on one throw-away server.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import type { Client } from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import logTask from '../../scripts/ops-log.ts';
import { appendAudit } from '../../src/audit/append.ts';
import { findBreak, GENESIS, hashEvent } from '../../src/audit/chain.ts';
import { readLog } from '../../src/audit/log.ts';
import { readEvents, readHead } from '../../src/audit/store.ts';
import type { ChainedEvent } from '../../src/audit/types.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadEnvironment } from '../../src/env/environment.ts';
import { connectPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { takeNotices } from '../../src/state/notices.ts';
import { runTaskForTest } from '../../src/testing/index.ts';
import { makeProduct, writeEnv } from '../product.ts';

const test = suite('audit');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const config = (root: string) => ({ root, file: join(root, 'drydock.config.ts'), product: 'strange' });

async function append(root: string, event: string, id?: string) {
  const loaded = await loadConfig(undefined, root);
  const input = {
    config: loaded,
    run: 'RUN',
    task: 'escrow:rollback',
    actor: 'me',
    event,
    reason: undefined,
    outcome: 'done' as const,
    metadata: { n: 1 },
  };
  return appendAudit(loadEnvironment(loaded, 'staging', {}), id ? { ...input, id } : input);
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

/** Whatever was done to the log behind our back: the next run still ends well, and what was done shows for good. */
const REMOVALS = {
  'the last row and the head': `DELETE FROM drydock."AuditEvent" WHERE seq = 3; DELETE FROM drydock.audit_head`,
  'the head alone': 'DELETE FROM drydock.audit_head',
  'the last row alone': `DELETE FROM drydock."AuditEvent" WHERE seq = 3`,
  'a head that was set back': `UPDATE drydock.audit_head SET seq = 1, hash = (SELECT hash FROM drydock."AuditEvent" WHERE seq = 1)`,
  'every row and the head': 'DELETE FROM drydock."AuditEvent"; DELETE FROM drydock.audit_head',
  'the schema': 'DROP SCHEMA drydock CASCADE',
};
for (const [name, sql] of Object.entries(REMOVALS))
  test(`without ${name} the next event is written, and the log is not called whole`, async () => {
    const url = await postgres.createDatabase();
    const root = makeProduct({ OPS_DATABASE_URL: url });
    for (const event of ['one', 'two', 'three']) await append(root, event);
    takeNotices();
    await withClient(url, (client) => client.query(sql));
    const look = () => withClient(url, (client) => readLog(client, config(root), 'staging', EVERYTHING));
    assert.ok((await look()).broken, 'before the next event');
    for (let n = 0; n < 3; n++) assert.is((await append(root, 'after')).state, 'written');
    const { broken, total } = await look();
    assert.ok(total >= 3);
    assert.match(broken ?? '', /missing|gone|another now/);
  });

const EVERYTHING = { limit: 100, after: '', event: undefined, task: undefined, run: undefined };

test('a chain that was rewritten from its beginning is found by whoever saw it before', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  for (const event of ['one', 'two', 'three']) await append(root, event);
  const other = makeProduct({ OPS_DATABASE_URL: url });
  await withClient(url, async (client) => {
    let prevHash = GENESIS;
    for (const event of await readEvents(client)) {
      const forged = { ...event, actor: 'somebody else' };
      const hash = hashEvent(prevHash, event.seq, forged);
      const sql = `UPDATE drydock."AuditEvent" SET actor = $1, "prevHash" = $2, hash = $3 WHERE seq = $4`;
      await client.query(sql, [forged.actor, prevHash, hash, event.seq]);
      prevHash = hash;
    }
    await client.query('UPDATE drydock.audit_head SET hash = $1', [prevHash]);
    assert.is(findBreak(await readEvents(client), await readHead(client)), undefined, 'it is whole by itself');
    assert.match(
      (await readLog(client, config(root), 'staging', EVERYTHING)).broken ?? '',
      /Event 3 .* is another now/,
    );
    const stranger = await readLog(client, config(other), 'staging', EVERYTHING);
    assert.equal([stranger.broken, stranger.anchored.anchor], [undefined, undefined]);
  });
  takeNotices();
  await append(root, 'later');
  assert.match(takeNotices().join(), 'rewritten or emptied');
});

test('another database in place of the one that was seen is said, and is no broken chain', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  for (const event of ['one', 'two']) await append(root, event);
  const restored = await postgres.createDatabase();
  writeEnv(root, '.env.staging', { OPS_DATABASE_URL: restored });
  const look = () => withClient(restored, (client) => readLog(client, config(root), 'staging', EVERYTHING));
  const before = await look();
  assert.equal([before.broken, before.anchored.elsewhere, before.anchored.anchor?.seq], [undefined, true, 2]);
  await append(root, 'three');
  assert.is((await look()).anchored.elsewhere, false);
});

test('what the system and the database say of who it was is kept beside what they say of themselves', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  await append(root, 'one');
  const [event] = await withClient(url, readEvents);
  assert.is(event?.actor, 'me');
  assert.equal(event?.by, { login: userInfo().username, session: decodeURIComponent(new URL(url).username) });
  await withClient(url, async (client) => {
    await client.query(`UPDATE drydock."AuditEvent" SET by = '{"login":"alice"}'`);
    assert.match(findBreak(await readEvents(client), await readHead(client)) ?? '', 'was edited');
  });
});

test('a log of before, and a role that may only add to it, go on', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  await append(root, 'one');
  await withClient(url, async (client) => {
    await client.query(
      `TRUNCATE drydock."AuditEvent", drydock.audit_head; ALTER TABLE drydock."AuditEvent" DROP COLUMN by`,
    );
    await client.query(`CREATE ROLE "narrow_${process.pid}" LOGIN PASSWORD 'narrow-secret'`);
    await client.query(`GRANT USAGE ON SCHEMA drydock TO "narrow_${process.pid}";
      GRANT SELECT, INSERT ON drydock."AuditEvent" TO "narrow_${process.pid}";
      GRANT SELECT, INSERT, UPDATE ON drydock.audit_head TO "narrow_${process.pid}"`);
  });
  const narrow = Object.assign(new URL(url), { username: `narrow_${process.pid}`, password: 'narrow-secret' }).href;
  const other = makeProduct({ OPS_DATABASE_URL: narrow });
  await append(other, 'by the narrow role');
  await append(makeProduct({ OPS_DATABASE_URL: url }), 'by the owner');
  await append(other, 'by the narrow role again');
  await withClient(url, async (client) => {
    const events = await readEvents(client);
    assert.equal(
      events.map(({ by }) => by?.session ?? null),
      [null, decodeURIComponent(new URL(url).username), `narrow_${process.pid}`],
    );
    assert.is(findBreak(events, await readHead(client)), undefined);
  });
  await withClient(narrow, async (client) => {
    for (const sql of ['DELETE FROM drydock."AuditEvent"', `UPDATE drydock."AuditEvent" SET actor = 'x'`])
      assert.match(await client.query(sql).then(String, String), 'permission denied');
  });
});

test('a long log is read page by page; what is chosen is counted, the newest are shown, all is checked', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  await append(root, 'seed');
  const many = 1_203;
  await withClient(url, async (client) => {
    const [first] = await readEvents(client);
    let last = first as ChainedEvent;
    const rows = Array.from({ length: many - 1 }, (_, i) => {
      const next = { ...last, seq: i + 2, id: `E${i}`, event: i % 10 === 0 ? 'tenth' : 'other', prevHash: last.hash };
      last = { ...next, hash: hashEvent(next.prevHash, next.seq, next) };
      return last;
    });
    await client.query(
      `INSERT INTO drydock."AuditEvent" SELECT * FROM json_populate_recordset(NULL::drydock."AuditEvent", $1)`,
      [JSON.stringify(rows)],
    );
    await client.query('UPDATE drydock.audit_head SET seq = $1, hash = $2', [last.seq, last.hash]);
    const log = await readLog(client, config(root), 'staging', { ...EVERYTHING, limit: 7, event: 'tenth' });
    assert.equal([log.total, log.matching, log.broken], [many, 121, undefined]);
    assert.equal(
      log.shown.map(({ seq }) => seq),
      [1142, 1152, 1162, 1172, 1182, 1192, 1202],
    );
    await client.query(`UPDATE drydock."AuditEvent" SET reason = 'x' WHERE seq = 600`);
    assert.match(
      (await readLog(client, config(root), 'staging', { ...EVERYTHING, limit: 1 })).broken ?? '',
      'event 600',
    );
  });
});

test('ops:log says what it counted, and calls nothing whole that is not known to be', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  const log = async (...args: string[]) => {
    const { outcome } = await runTaskForTest(logTask, root, ['--env', 'staging', ...args]);
    return { verdict: outcome?.verdict, codes: outcome?.findings?.map(({ code }) => code), data: outcome?.data };
  };
  assert.equal(await log(), {
    verdict: 'No audit events of staging.',
    codes: [],
    data: { total: 0, matching: 0, events: [] },
  });
  for (const event of ['one', 'two', 'two']) await append(root, event);
  assert.is((await log()).verdict, '3 audit events of staging, chain whole.');
  assert.is((await log('--event', 'two')).verdict, '2 of 3 audit events of staging match; the chain of all is whole.');
  assert.is(
    (await log('--event', 'two', '--limit', '1')).verdict,
    '2 of 3 audit events of staging match, of which the newest 1 are shown; the chain of all is whole.',
  );
  rmSync(join(root, '.drydock/audit'), { recursive: true });
  assert.equal((await log()).codes, ['AUDIT_NO_ANCHOR']);
  assert.equal((await log()).codes, [], 'from then on it is known');
  await withClient(url, (client) => client.query('DROP SCHEMA drydock CASCADE'));
  const emptied = await log();
  assert.equal([emptied.verdict, emptied.codes], ['The audit chain of staging is broken.', ['AUDIT_CHAIN_BROKEN']]);
});

test.run();
