// Uses PostgreSQL: one run, as two checkouts and the database know it.
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import type { Client } from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { copyInto } from '../../src/journal/copy.ts';
import { hasJournalTables } from '../../src/journal/database.ts';
import { journalFile, openFileJournal } from '../../src/journal/file-journal.ts';
import { joinRuns } from '../../src/journal/join.ts';
import { openRuns, readJournal, readRun } from '../../src/journal/read.ts';
import type { EntryBody } from '../../src/journal/types.ts';
import { withPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { takeNotices } from '../../src/state/notices.ts';

const test = suite('a run in two checkouts');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const RUN = '01J';
const IDENTITY = { run: RUN, task: 'db:deploy', env: 'staging' };
const step = (name: string, event: 'step.started' | 'step.done' = 'step.done'): EntryBody => ({ event, step: name });

/** Two checkouts, here and there, of one database. */
async function onDatabase(
  work: (world: { client: Client; here: string; there: string }) => Promise<void>,
): Promise<void> {
  const folder = () => mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-join-'));
  await withPostgres(new Secret(await postgres.createDatabase()), 'test', async (client) => {
    await work({ client, here: folder(), there: folder() });
  });
  takeNotices();
}

const count = async (client: Client) =>
  (await hasJournalTables(client)) ? (await client.query('SELECT FROM drydock.run_entry')).rowCount : 0;

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5_000; Date.now() < end; await sleep(5)) if (await holds()) return;
}

/** Appends as the holder of the lock does; without a client the database is away. */
async function append(root: string, client: Client | undefined, ...bodies: EntryBody[]): Promise<void> {
  const journal = openFileJournal(
    root,
    IDENTITY,
    copyInto(
      () => client,
      () => readJournal(root, RUN)?.entries ?? [],
    ),
  );
  for (const body of bodies) await journal.append(body);
  // That a step is done is written soon.
  if (client && bodies.at(-1)?.event === 'step.done')
    await until(async () => (await count(client)) === text(root).split('\n').length - 1);
}

const begun: EntryBody = { event: 'run.started', data: { argv: [], host: 'one', actor: 'ann é' } };
const text = (root: string) => readFileSync(journalFile(root, RUN), 'utf8');
const names = (root: string) => (readJournal(root, RUN)?.entries ?? []).map(({ event, step: name }) => name ?? event);
const status = async (client: Client) => (await client.query('SELECT status FROM drydock.run')).rows[0]?.status;

test('what one has begun the other goes on with, and the first learns how it ended', () =>
  onDatabase(async ({ client, here, there }) => {
    await append(here, client, begun, step('one'), step('two', 'step.started'));
    assert.equal([...(await joinRuns(client, there, 'staging'))], [RUN]);
    assert.is(text(there), text(here));
    assert.equal([...(await joinRuns(client, there, 'production'))], [], 'another environment');
    await append(there, client, { event: 'run.resumed', data: {} }, step('two'), { event: 'run.done' });
    assert.is(await status(client), 'done');
    assert.equal([...(await joinRuns(client, here, 'staging'))], []);
    assert.is(text(here), text(there));
    assert.equal(openRuns(here), []);
  }));

test('a run that is named is learnt of although it has failed', () =>
  onDatabase(async ({ client, here, there }) => {
    await append(here, client, begun, step('one'), { event: 'run.failed' });
    await joinRuns(client, there, 'staging');
    assert.not(existsSync(journalFile(there, RUN)));
    await joinRuns(client, there, 'staging', RUN);
    assert.is(readRun(there, RUN).status, 'failed');
  }));

test('what was written while the database was away it is told as soon as it is there', () =>
  onDatabase(async ({ client, here, there }) => {
    await append(here, undefined, begun, step('one'));
    await append(here, client, step('two'));
    await append(here, undefined, { event: 'run.done' });
    await joinRuns(client, there, 'staging');
    assert.equal(names(there), ['run.started', 'one', 'two'], 'its end is not known yet');
    await joinRuns(client, here, 'staging', RUN);
    assert.is(await status(client), 'done');
    await joinRuns(client, there, 'staging');
    assert.equal(openRuns(there), []);
  }));

test('two that went on with it at once: what was written under the lock is right, and the other is set aside', () =>
  onDatabase(async ({ client, here, there }) => {
    await append(here, client, begun, step('one'));
    await joinRuns(client, there, 'staging');
    // Here the session was lost without a word, and another operator has the lock.
    await append(here, undefined, step('two', 'step.started'), { event: 'step.failed', step: 'two' });
    await append(there, client, { event: 'run.resumed', data: {} });
    await joinRuns(client, here, 'staging');
    assert.is(text(here), text(there));
    assert.ok(existsSync(`${journalFile(here, RUN)}.set-aside`));
    assert.match(takeNotices().join(), 'is not what the database has of this run');
  }));

test('a damaged journal is mended from the database, a half-written line is left as it is', () =>
  onDatabase(async ({ client, here }) => {
    await append(here, client, begun, step('one'), step('two'));
    const whole = text(here);
    for (const damaged of ['', whole.replace('"step.done"', '"step.d'), 'x\n', whole.slice(0, 100), '\n\n\n\n']) {
      writeFileSync(journalFile(here, RUN), damaged);
      await joinRuns(client, here, 'staging', RUN);
      assert.is(text(here), whole, JSON.stringify(damaged));
    }
    writeFileSync(journalFile(here, RUN), `${whole}{"at":`);
    await joinRuns(client, here, 'staging');
    assert.is(readRun(here, RUN).truncated, true);
    assert.is(text(here), `${whole}{"at":`);
  }));

test('what is missing in the database too is damage, unless this checkout has it', () =>
  onDatabase(async ({ client, here, there }) => {
    await append(here, client, begun, step('one'), step('two'));
    const lose = () => client.query('DELETE FROM drydock.run_entry WHERE seq = 2');
    await lose();
    await joinRuns(client, there, 'staging');
    assert.equal(readRun(there, RUN).damaged, [2]);
    await joinRuns(client, here, 'staging');
    assert.equal(readRun(here, RUN).damaged, []);
    assert.is((await client.query('SELECT FROM drydock.run_entry')).rowCount, 3, 'the database has it again');
    await joinRuns(client, there, 'staging');
    assert.equal(readRun(there, RUN).damaged, []);
    await client.query(`UPDATE drydock.run_entry SET entry = '{"event":"x"}' WHERE seq = 2`);
    await joinRuns(client, there, 'staging');
    assert.equal(readRun(there, RUN).damaged, []);
  }));

test('entries of long ago are pruned; how the run ended stays known', () =>
  onDatabase(async ({ client, here, there }) => {
    await append(here, client, begun, step('one'));
    await joinRuns(client, there, 'staging');
    await append(there, client, { event: 'run.done' });
    await client.query(`UPDATE drydock.run SET "writtenAt" = now() - interval '91 days'`);
    await joinRuns(client, join(here, 'third'), 'staging');
    assert.is((await client.query('SELECT FROM drydock.run_entry')).rowCount, 0);
    assert.is(readRun(here, RUN).status, 'open');
    await joinRuns(client, here, 'staging');
    assert.is(readRun(here, RUN).status, 'done');
  }));

test('a run whose name leads somewhere else is nobody’s', () =>
  onDatabase(async ({ client, here }) => {
    await append(here, client, begun);
    await client.query(`UPDATE drydock.run SET run = '../../x'`);
    assert.equal([...(await joinRuns(client, here, 'staging'))], []);
  }));

test('a role that may not write there keeps its journal here, and is told', () =>
  onDatabase(async ({ client, here }) => {
    await client.query(
      `CREATE SCHEMA drydock; CREATE TABLE drydock.run (x int); CREATE TABLE drydock.run_entry (x int)`,
    );
    await append(here, client, begun, step('one'));
    assert.equal(names(here), ['run.started', 'one']);
    assert.match(takeNotices().join(), `Of run ${RUN} no other checkout knows`);
  }));

test.run();
