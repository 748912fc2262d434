// Uses PostgreSQL and HAProxy: going back from releases of a small product that serves customers, over each kind of migration.
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rowsSince } from '@drydock/backups';
import { readState, targetOf } from '@drydock/db';
import { loadConfig, loadEnvironment, Secret, withPostgres } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import rollbackTask from '../scripts/rollback.ts';
import settleTask from '../scripts/settle.ts';
import { withRecord } from '../src/record/record.ts';
import { targetOfCommit } from '../src/rollback/migrations.ts';
import { underLoad } from './load.ts';
import { git, refusal } from './product.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('going back');
let world: World;
test.before(async () => {
  const identity = await generateIdentity();
  world = await makeWorld(
    { environments: { staging: { serves: 'customers', guard: 'none' } } },
    {},
    { BACKUP_IDENTITY: identity, BACKUP_RECIPIENTS: await identityToRecipient(identity) },
  );
});
test.after(() => world.stop());

const answer = async () => (await fetch(world.url)).text();
const product = async () => {
  const config = await loadConfig(undefined, world.root);
  return { config, environment: loadEnvironment(config, 'staging', {}) };
};
const here = async () => {
  const { config, environment } = await product();
  return targetOf(config, environment);
};
const sql = async (text: string) =>
  withPostgres((await here()).url, 'test', async (client) => (await client.query(text)).rows as object[]);
const applied = async () => (await readState(await here())).applied;
const back = (...flags: string[]) => runTaskForTest(rollbackTask, world.root, ['--env', 'staging', '--yes', ...flags]);

/** Goes, and tells which row it took and why. */
async function wayBack(...flags: string[]): Promise<{ way: string; why: string }> {
  const { outcome, error } = await back(...flags);
  assert.is(error, undefined);
  return outcome?.data as { way: string; why: string };
}

/** Releases another commit; returns its version. */
async function release(): Promise<string> {
  world.commit();
  const { error } = await world.release();
  assert.is(error, undefined);
  return answer();
}
const schema = (jobs: string) =>
  `datasource db {\n  provider = "postgresql"\n}\nmodel jobs {\n  id Int @id\n${jobs}}\n`;

test('nothing was released, or one thing alone: there is nothing to go back to, and that is said', async () => {
  assert.is((await back()).error?.code, 'NOTHING_LIVE');
  await release();
  const { error } = await back();
  assert.equal([error?.code, error?.exit], ['NOTHING_BEFORE', 2]);
  assert.is((await back('--to', 'deadbeef')).error?.code, 'RELEASE_UNKNOWN');
});

test('after A, B and C, twice back is B, then A: warm, then cold, with no failed request', async () => {
  const [a, b, c] = [await answer(), await release(), await release()];
  const load = await underLoad(world.url, async () => {
    const first = await back();
    assert.match(first.said.join('\n'), `to ${b} (`);
    assert.match(first.said.join('\n'), 'which still runs');
    assert.match(first.outcome?.verdict ?? '', `staging is back on version ${b}`);
    assert.is(await answer(), b);
    const second = await back();
    assert.match(second.said.join('\n'), 'which has to be started');
    assert.is(await answer(), a);
  });
  assert.equal(load.failed, []);
  assert.is((await back()).error?.code, 'NOTHING_BEFORE');
  // By its name, forward again.
  assert.is((await back('--to', c)).error, undefined);
  assert.is(await answer(), c);
  assert.is((await back('--to', c)).error?.code, 'LIVE_ALREADY');
});

test('the version before ends once its time has come, and is started again then', async () => {
  const before = await answer();
  await release();
  const settle = (...flags: string[]) => runTaskForTest(settleTask, world.root, ['--env', 'staging', ...flags]);
  assert.match((await settle()).outcome?.verdict ?? '', 'the version before is kept warm until 20');
  assert.match((await settle('--now')).outcome?.verdict ?? '', `Version ${before} is ended on staging.`);
  assert.match((await settle('--now')).outcome?.verdict ?? '', 'Nothing to end on staging.');
  assert.is((await back()).error, undefined);
  assert.is(await answer(), before);
});

test('over a migration that only expands it is a switch, and the migration stays', async () => {
  const before = await answer();
  world.write({
    'prisma/migrations/2_title/migration.sql': 'ALTER TABLE jobs ADD COLUMN title text;\n',
    'prisma/schema.prisma': schema('  title String?\n'),
  });
  await release();
  const { way, why } = await wayBack();
  assert.is(way, 'switch');
  assert.match(why, '2_title only expands what it knows');
  assert.is(await answer(), before);
  assert.equal(await applied(), ['1_jobs', '2_title']);
  await release();
});

/** Somebody who may not read a table is told which, and as whom. */
async function assertRowsAreRefused(): Promise<void> {
  const { config, environment } = await product();
  const role = `narrow_${randomBytes(4).toString('hex')}`;
  await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  try {
    const narrow = new URL((await here()).url.reveal());
    [narrow.username, narrow.password] = [role, 'x'];
    const backup = (await withRecord(config, environment, (record) => record.live()))?.backup ?? '';
    const ctx = { config, env: 'staging', environmentOf: () => environment };
    const error = await refusal(rowsSince(ctx, new Secret(narrow.href), backup));
    assert.is(error.code, 'ROWS_UNREADABLE');
    assert.is(
      error.message,
      `What a restore would lose of public.jobs cannot be counted: the role ${role} may not read all of it.`,
    );
  } finally {
    await sql(`DROP ROLE ${role}`);
  }
}

test('a commit without the folder of migrations is told as that', async () => {
  const { config, environment } = await product();
  const commit = git(
    world.root,
    'commit-tree',
    '-m',
    'empty',
    git(world.root, 'hash-object', '-t', 'tree', '-w', '/dev/null'),
  );
  const error = await refusal((async () => targetOfCommit(config, environment, commit))());
  assert.is(error.code, 'MIGRATIONS_NOT_IN_COMMIT');
  assert.match(error.message, `Commit ${commit.slice(0, 10)}, which is live, has no prisma/migrations and no prisma`);
});

const REQUIRED = {
  'prisma/migrations/3_done/migration.sql': 'ALTER TABLE jobs ADD COLUMN done boolean NOT NULL;\n',
  'prisma/schema.prisma': schema('  title String?\n  done Boolean\n'),
};

test('over one that it cannot live with, with a proven down.sql, that is undone first', async () => {
  const before = await answer();
  world.write({ ...REQUIRED, 'prisma/migrations/3_done/down.sql': 'ALTER TABLE jobs DROP COLUMN done;\n' });
  await release();
  await sql('INSERT INTO jobs VALUES (1, NULL, true)');
  const refused = await back();
  assert.equal([refused.error?.code, refused.error?.exit], ['DATA_LOSS', 4]);
  assert.match(refused.error?.message ?? '', 'lose 1 row of jobs.done');
  const { way, why } = await wayBack('--accept-data-loss');
  assert.is(way, 'down');
  assert.match(why, 'it cannot live with 3_done: column public.jobs.done is required');
  assert.is(await answer(), before);
  assert.equal(await applied(), ['1_jobs', '2_title']);
});

test('over one that it cannot live with and nobody can undo: maintenance, the backup from before, the switch', async () => {
  const before = await answer();
  world.write({
    'prisma/migrations/3_done/migration.sql':
      'ALTER TABLE jobs ADD COLUMN done boolean NOT NULL DEFAULT false;\nALTER TABLE jobs ALTER COLUMN done DROP DEFAULT;\n',
    'prisma/migrations/4_gone/migration.sql': 'ALTER TABLE jobs DROP COLUMN title;\n',
    'prisma/schema.prisma': schema('  done Boolean\n'),
  });
  world.commit();
  assert.is(
    (await world.release(undefined, ['--env', 'staging', '--accept', 'DROPS_USED', '--accept', 'DESTROYS_ROWS'])).error,
    undefined,
  );
  await sql('INSERT INTO jobs VALUES (2, true), (3, false)');
  await assertRowsAreRefused();
  const refused = await back();
  assert.equal([refused.error?.code, refused.error?.exit], ['DATA_LOSS', 4]);
  assert.match(refused.error?.message ?? '', 'lose 2 rows of public.jobs that the backup has not');
  const statuses = new Set<string>();
  const load = await underLoad(world.url, async () => {
    const { way } = await wayBack('--accept-data-loss');
    assert.is(way, 'restore');
  });
  for (const status of load.failed) statuses.add(status);
  assert.equal([...statuses], ['503'], 'meanwhile the page of maintenance, and nothing else');
  assert.is(await answer(), before);
  assert.equal(await applied(), ['1_jobs', '2_title']);
  assert.equal(await sql('SELECT id FROM jobs ORDER BY id'), [{ id: 1 }]);
});

test('over a squash of what the version before was made for it is a switch, and the squash stays', async () => {
  const before = await answer();
  const folder = join(world.root, 'prisma/migrations');
  const standsFor = ['1_jobs', '2_title'].map((name) => ({
    name,
    text: readFileSync(join(folder, name, 'migration.sql')),
  }));
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  world.write({
    'prisma/migrations/2_squashed/migration.sql': standsFor.map(({ text }) => text).join('\n'),
    'prisma/migrations/2_squashed/squashed.json': JSON.stringify({
      standsFor: standsFor.map(({ name, text }) => ({
        name,
        checksum: createHash('sha256').update(text).digest('hex'),
      })),
    }),
    'prisma/schema.prisma': schema('  title String?\n'),
  });
  await release();
  assert.equal(await applied(), ['2_squashed']);
  const { way, why } = await wayBack();
  assert.equal([way, why], ['switch', 'no migration lies between']);
  assert.is(await answer(), before);
  assert.equal(await applied(), ['2_squashed']);
  assert.equal(await sql('SELECT id FROM jobs ORDER BY id'), [{ id: 1 }]);
});

test.run();
