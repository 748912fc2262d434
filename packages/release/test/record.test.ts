// Uses PostgreSQL.
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, Secret, withPostgres } from '@drydock/kit';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import opsLog from '../../kit/scripts/ops-log.ts';
import historyTask from '../scripts/history.ts';
import { withRecord } from '../src/record/record.ts';
import { insertRelease, readReleases, undoRelease } from '../src/record/releases.ts';
import { standingOf } from '../src/record/standing.ts';
import type { NewRelease, ReleaseRecord } from '../src/record/types.ts';

const test = suite('the record of releases');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

interface Checkout {
  root: string;
  record<T>(work: (record: ReleaseRecord) => Promise<T>): Promise<T>;
}

/** Checkouts of one product on one database: `.env` files alike, nothing else in common. */
async function checkouts(many = 1): Promise<Checkout[]> {
  const url = await postgres.createDatabase();
  return Promise.all(
    Array.from({ length: many }, async () => {
      const root = makeStrangeProduct({}, { OPS_DATABASE_URL: url });
      const config = await loadConfig(undefined, root);
      const environment = loadEnvironment(config, 'staging', {});
      return {
        root,
        record: (work) => withRecord(config, environment, work),
      } satisfies Checkout;
    }),
  );
}

const EVIDENCE = { item: 'x', ok: true, says: 'y', link: null, by: 'ann', until: null, run: null };
const urlOf = (root: string) =>
  /OPS_DATABASE_URL='([^']+)'/.exec(readFileSync(join(root, '.env.staging'), 'utf8'))?.[1];

/** A release of a version by its letter: run 1 of A is `A1`. */
function went(run: string, kind: NewRelease['kind'] = 'release', more: Partial<NewRelease> = {}): NewRelease {
  const letter = run[0] ?? '';
  const digest = Buffer.from(letter).toString('hex').repeat(32);
  return {
    ...{
      run,
      kind,
      version: digest.slice(0, 12),
      digest,
      commit: letter.toLowerCase().repeat(40),
      subject: `change ${letter}`,
      tag: null,
    },
    ...{ actor: 'ann', host: 'laptop', migrations: [], backup: null, bakeUntil: null, reason: null, ...more },
  };
}

const runs = (releases: { run: string }[]) => releases.map(({ run }) => run).join(' ');

test('A→B→C, twice back: B, then A; whichever checkout asks', async () => {
  const [one, two] = (await checkouts(2)) as [Checkout, Checkout];
  assert.equal(await one.record((record) => record.history(10)), []);
  assert.is(await one.record((record) => record.before()), undefined);
  for (const run of ['A1', 'B1', 'C1']) await one.record((record) => record.wentLive(went(run)));
  assert.is(await two.record(async (record) => runs(await record.standing())), 'C1 B1 A1');
  assert.is((await two.record((record) => record.before()))?.run, 'B1');
  await two.record((record) => record.wentLive(went('B2', 'rollback')));
  assert.is((await one.record((record) => record.live()))?.run, 'B2');
  assert.is((await one.record((record) => record.before()))?.run, 'A1');
  await one.record((record) => record.wentLive(went('A2', 'rollback')));
  assert.is((await two.record((record) => record.live()))?.run, 'A2');
  assert.is(await two.record((record) => record.before()), undefined);
  const all = await two.record((record) => record.history(10));
  assert.is(runs(all), 'A2 B2 C1 B1 A1');
  assert.equal(
    all.map(({ outcome }) => outcome),
    ['live', 'replaced', 'replaced', 'replaced', 'replaced'],
  );
  assert.ok(all.slice(1).every(({ liveSince, liveUntil }) => liveUntil !== null && liveSince <= liveUntil));
  assert.is(runs(await two.record((record) => record.history(2))), 'A2 B2');
});

test('what a rollback goes to, whatever came before', async () => {
  const cases: [steps: string, standing: string][] = [
    // Forward again after going back: what was taken off is put on like any.
    ['A1 B1 back:A2 B3', 'B3 A1'],
    ['A1 B1 back:A2 back:B4', 'B4 A1'],
    ['A1 B1 back:A2 C1 D1 back:C2', 'C1 A1'],
    // Over two at once.
    ['A1 B1 C1 back:A2', 'A1'],
    // The same version twice is one step of the way, and stands as it was first released.
    ['A1 A2 B1 B2 B3', 'B1 A1'],
    ['A1 B1 A2', 'A2 B1 A1'],
    ['A1 B1 A2 back:B2', 'B1 A1'],
    // What went back by itself never stood, whether it was the last or not.
    ['A1 B1 C1 undo:C1', 'B1 A1'],
    ['A1 undo:A1', ''],
    ['A1 undo:A1 B1', 'B1'],
    ['A1 B1 C1 undo:C1 D1', 'D1 B1 A1'],
    ['A1 B1 C1 back:B2 undo:B2', 'C1 B1 A1'],
    ['A1 B1 C1 undo:B1', 'C1 A1'],
    ['A1 B1 C1 undo:B1 undo:C1', 'A1'],
    // A run that was gone on with after it had gone back.
    ['A1 B1 undo:B1 B1', 'B1 A1'],
    ['A1 B1 undo:B1 B1 undo:B1', 'A1'],
  ];
  // Without the audit log, which each entry of the record makes a connection for.
  await withPostgres(new Secret(await postgres.createDatabase()), 'test', async (client) => {
    for (const [at, [steps, standing]] of cases.entries()) {
      const env = `case ${at}`;
      for (const step of steps.split(' ')) {
        const [what, run = ''] = step.includes(':') ? step.split(':') : ['', step];
        // Everything twice: a kill may come behind the writing.
        for (let time = 0; time < 2; time++)
          await (what === 'undo'
            ? undoRelease(client, env, run)
            : insertRelease(client, env, went(run, what === 'back' ? 'rollback' : 'release')));
      }
      const all = await readReleases(client, env);
      const stands = standingOf(all.toReversed());
      assert.is(runs(stands), standing, steps);
      const live = all.filter(({ outcome }) => outcome === 'live');
      assert.is(live[0]?.run[0], stands[0]?.run[0], `${steps}: what is live stands on top`);
      assert.ok(live.length <= 1, steps);
      assert.ok(live.every(({ liveUntil }) => liveUntil === null));
    }
  });
});

test('what has passed is what was live and did not go back', async () => {
  const [one] = (await checkouts()) as [Checkout];
  const digest = went('A1').digest;
  await one.record(async (record) => {
    assert.is(await record.passed(digest), undefined);
    await record.wentLive(went('A1'));
    assert.is((await record.passed(digest))?.run, 'A1');
    await record.wentLive(went('B1'));
    assert.is((await record.passed(digest))?.run, 'A1');
    await record.wentBack('B1');
    assert.is(await record.passed(went('B1').digest), undefined);
    assert.is((await record.live())?.run, 'A1');
  });
});

test('two that go live at once: one is live, the other was', async () => {
  const [one, two] = (await checkouts(2)) as [Checkout, Checkout];
  await Promise.all([
    one.record((record) => record.wentLive(went('A1'))),
    two.record((record) => record.wentLive(went('B1'))),
  ]);
  const all = await one.record((record) => record.history(10));
  assert.equal(all.map(({ outcome }) => outcome).sort(), ['live', 'replaced']);
});

test("another environment's rows are not ours: a database that was restored from production's", async () => {
  const [one] = (await checkouts()) as [Checkout];
  const config = await loadConfig(undefined, one.root);
  renameSync(join(one.root, '.env.staging'), join(one.root, '.env.production'));
  await withRecord(config, loadEnvironment(config, 'production', {}), (record) => record.wentLive(went('A1')));
  await one.record((record) => record.wentLive(went('B1')));
  assert.is(runs(await one.record((record) => record.standing())), 'B1');
});

test('the newest evidence of each item counts, and says until when', async () => {
  const [one, two] = (await checkouts(2)) as [Checkout, Checkout];
  const until = '2031-01-02T03:04:05.000Z';
  const given = {
    commit: 'a'.repeat(40),
    item: 'readme',
    ok: false,
    says: 'not yet',
    link: null,
    by: 'ann',
    until: null,
    run: null,
  };
  await one.record((record) => record.putEvidence(given, { ...given, item: 'flow', ok: true }));
  await two.record((record) => record.putEvidence({ ...given, ok: true, says: 'read it', by: 'bob', until }));
  const found = await one.record((record) => record.evidence(given.commit));
  assert.equal(
    found.map(({ item, ok, by, until: end }) => [item, ok, by, end]),
    [
      ['flow', true, 'ann', null],
      ['readme', true, 'bob', until],
    ],
  );
  assert.equal(await one.record((record) => record.evidence('b'.repeat(40))), []);
});

test('a run that waits is told what was decided, by whoever is asked last', async () => {
  const [one, two] = (await checkouts(2)) as [Checkout, Checkout];
  assert.is(await one.record((record) => record.decision('R', 'gate')), undefined);
  await two.record((record) => record.decide('R', 'gate', 'continue', 'bob', 'the alarm is known'));
  assert.is(await one.record((record) => record.decision('R', 'gate')), 'continue');
  await two.record((record) => record.decide('R', 'gate', 'abort', 'bob', 'it is not'));
  assert.is(await one.record((record) => record.decision('R', 'gate')), 'abort');
  assert.is(await one.record((record) => record.decision('R', 'another')), undefined);
});

test('the audit log is told of each once, and release:history shows them', async () => {
  const [one, two] = (await checkouts(2)) as [Checkout, Checkout];
  const evidence = {
    commit: 'b'.repeat(40),
    item: 'readme',
    ok: true,
    says: 'read it',
    link: 'https://ci.test/1',
    by: 'bob',
  };
  await one.record(async (record) => {
    await record.wentLive(went('A1'));
    await record.putEvidence({ ...evidence, until: null, run: 'B1' });
    for (let time = 0; time < 2; time++) await record.wentLive(went('B1', 'release', { tag: 'v1.2.0' }));
    await record.wentLive(went('C1'));
    for (let time = 0; time < 2; time++) await record.wentBack('C1');
  });
  const log = await runTaskForTest(opsLog, two.root, ['--env', 'staging', '--json']);
  const { events = [] } = (log.outcome?.data ?? {}) as { events?: { event: string; run: string }[] };
  assert.equal(
    events.map(({ event, run }) => `${event} ${run}`),
    ['release.live A1', 'release.evidence B1', 'release.live B1', 'release.live C1', 'release.back C1'],
  );
  const { said, outcome } = await runTaskForTest(historyTask, two.root, ['--env', 'staging']);
  assert.is(outcome?.verdict, 'The newest 3 releases of staging.');
  const [, c, b, a] = said.join('\n').split('\n');
  assert.match(c ?? '', /434343434343 cccccccccc .*C1 went back, change C$/);
  assert.match(b ?? '', /424242424242 bbbbbbbbbb v1.2.0 ann on laptop B1 live, change B$/);
  assert.match(a ?? '', /A1 before, change A$/);
  for (const name of ['424242424242', 'v1.2.0', 'B1', 'bbbbbbb', 'BBBBBBBB']) {
    const found = await runTaskForTest(historyTask, two.root, ['--env', 'staging', '--of', name]);
    assert.match(found.said.join('\n'), 'readme ✔ read it (https://ci.test/1) bob');
  }
  const unknown = await runTaskForTest(historyTask, two.root, ['--env', 'staging', '--of', 'bbbbbb']);
  assert.equal([unknown.error?.code, unknown.error?.exit], ['RELEASE_UNKNOWN', 2]);
  const empty = (await checkouts())[0] as Checkout;
  assert.is(
    (await runTaskForTest(historyTask, empty.root, ['--env', 'staging'])).outcome?.verdict,
    'Nothing was released to staging yet.',
  );
});

test('operators need no more than the rights that README grants them', async () => {
  const [owner] = await checkouts();
  const url = await owner?.record(async (record) => {
    await record.wentLive(went('A1'));
    await record.putEvidence({ ...EVIDENCE, commit: 'a'.repeat(40) });
    await record.decide('A1', 'staging › gate', 'continue', 'ann', 'looked');
    return urlOf(owner.root);
  });
  const readme = ['../../kit/README.md', '../README.md'].map((file) =>
    readFileSync(join(import.meta.dirname, file), 'utf8'),
  );
  const grants = readme.flatMap((text) => [...text.matchAll(/^GRANT (.*) ON (.*) TO operator;$/gm)]);
  assert.ok(grants.some(([, , tables]) => tables?.includes('drydock.release_decision')));
  const role = `operator_${randomBytes(4).toString('hex')}`;
  const sql = (text: string) => withPostgres(new Secret(url ?? ''), 'test', (client) => client.query(text));
  await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  for (const [, rights, on = ''] of grants)
    for (const table of on.split(', ')) {
      // Of locks and runs there are none yet.
      const { rows } = await sql(`SELECT to_regclass('${table.replace('SCHEMA ', '')}') IS NOT NULL AS there`);
      if (table.startsWith('SCHEMA') || rows[0]?.there) await sql(`GRANT ${rights} ON ${table} TO ${role}`);
    }
  try {
    const narrow = new URL(url ?? '');
    [narrow.username, narrow.password] = [role, 'x'];
    const root = makeStrangeProduct({}, { OPS_DATABASE_URL: narrow.href });
    const config = await loadConfig(undefined, root);
    await withRecord(config, loadEnvironment(config, 'staging', {}), async (record) => {
      await record.wentLive(went('B1'));
      await record.bakes('B1', 60);
      await record.wentBack('B1');
      await record.putEvidence({ ...EVIDENCE, commit: 'b'.repeat(40) });
      await record.decide('B1', 'staging › gate', 'abort', 'ann', 'no');
      assert.is((await record.live())?.run, 'A1');
      assert.is((await record.evidence('b'.repeat(40))).length, 1);
      assert.is(await record.decision('B1', 'staging › gate'), 'abort');
    });
  } finally {
    await sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

test.run();
