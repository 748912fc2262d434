// Uses PostgreSQL and HAProxy: what release:status says of two releases of a small product, from any checkout.
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { paused, Secret, withPostgres } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import type { Client } from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import maintenanceOff from '../scripts/maintenance-off.ts';
import maintenanceOn from '../scripts/maintenance-on.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('release:status');
let world: World;
test.before(async () => {
  world = await makeWorld();
  for (let n = 0; n < 2; n++) {
    world.commit();
    assert.is((await world.release()).error, undefined);
  }
});
test.after(() => world.stop());

const onDatabase = (work: (client: Client) => Promise<unknown>) => {
  const [, url = ''] = /OPS_DATABASE_URL='([^']+)'/.exec(readFileSync(join(world.root, '.env.staging'), 'utf8')) ?? [];
  return withPostgres(new Secret(url), 'test', work);
};
const codes = (found: Awaited<ReturnType<World['status']>>) => (found.outcome?.findings ?? []).map(({ code }) => code);
type Data = { live: { version: string }; record: { run: string; version: string }; before: { version: string } };

const dataOf = (outcome: Awaited<ReturnType<World['status']>>['outcome']) => (outcome?.data ?? {}) as unknown as Data;

test('it says since when, by whom and over what, the same in a checkout that never released anything', async () => {
  const [here, there] = [await world.status(), await world.clone().status()];
  for (const { outcome, said } of [here, there]) {
    const { live, record, before } = dataOf(outcome);
    assert.is(record.version, live.version);
    const text = said.join('\n');
    assert.match(
      text,
      new RegExp(
        `live     ${live.version} \\(\\w{10} change 2\\), since 20[-0-9]+ [0-9:]{5} \\(.+\\), by test on .+, run ${record.run}`,
      ),
    );
    assert.match(text, new RegExp(`before   ${before.version} \\(\\w{10} change 1\\): going back is`));
  }
  assert.match(here.said.join('\n'), / \w{10} \S+ before/);
  assert.equal(codes(here), []);
  // Its store of artefacts is a folder of its own.
  assert.equal(codes(there), ['BEFORE_MISSING']);
});

test('a record that does not fit what serves is told', async () => {
  const { live } = dataOf((await world.status()).outcome);
  await onDatabase((client) =>
    client.query(`UPDATE drydock.release SET version = '000000000000' WHERE outcome = 'live'`),
  );
  const found = await world.status();
  assert.equal(codes(found), ['RECORD_DIFFERS']);
  assert.match(
    found.outcome?.findings?.[0]?.message ?? '',
    `to version ${live.version}, and the record has 000000000000`,
  );
  await onDatabase((client) =>
    client.query(`UPDATE drydock.release SET version = $1 WHERE outcome = 'live'`, [live.version]),
  );
});

test('a release that did not end is told of, wherever it was begun', async () => {
  world.commit();
  const { error } = await world.release((name, step) => {
    if (name === 'staging › stage') step.run = () => Promise.reject(paused('It waits.', 'look'));
  });
  assert.is(error?.code, 'PAUSED');
  const found = await world.clone().status();
  assert.equal(codes(found), ['RELEASE_WAITS', 'BEFORE_MISSING']);
  assert.match(found.outcome?.findings?.[0]?.hint ?? '', 'release:continue -- --env staging');
  // Somebody breaks its lock while it goes on.
  const broken = await world.release(
    (name, step) => {
      if (name === 'staging › stage')
        step.run = () =>
          onDatabase((client) =>
            client.query(
              `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name LIKE 'drydock lock %'`,
            ),
          ).then(() => Promise.reject(new Error('it broke')));
    },
    ['--env', 'staging', '--resume'],
  );
  assert.is(broken.error?.code, 'LOCK_LOST');
  const left = await world.clone().status();
  assert.equal(codes(left), ['RELEASE_UNFINISHED', 'BEFORE_MISSING']);
  assert.match(left.outcome?.findings?.[0]?.hint ?? '', /ops:resume -- --run \w{26}/);
});

test('that people get the page of maintenance is told', async () => {
  const root = world.root;
  assert.is((await runTaskForTest(maintenanceOn, root, ['--env', 'staging', '--text', 'We move.'])).error, undefined);
  assert.match(
    JSON.stringify((await world.status()).outcome),
    /MAINTENANCE_ON.*People get the page of maintenance since 20\S+: We move\./,
  );
  assert.is((await runTaskForTest(maintenanceOff, root, ['--env', 'staging'])).error, undefined);
});

test('with the database away what serves is told all the same', async () => {
  appendFileSync(join(world.root, '.env.staging'), `OPS_DATABASE_URL='postgresql://nobody:x@127.0.0.1:1/nothing'\n`);
  const found = await world.status();
  assert.match(found.outcome?.verdict ?? '', /^staging is on version \w{12}/);
  assert.equal(codes(found), ['RELEASE_UNFINISHED', 'RECORD_UNSEEN']);
});

test.run();
