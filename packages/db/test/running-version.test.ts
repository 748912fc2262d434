// Uses PostgreSQL: what the version that serves now uses of what a migration drops or renames.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Hazard } from '../src/hazards/types.ts';
import { type Rehearsal, rehearse } from '../src/index.ts';
import { codes, pendingOn } from './pending.ts';
import { query } from './world.ts';

const test = suite('what the running version uses');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const pending = (migrations: Record<string, string>) => pendingOn(postgres, migrations);

test('dropping and renaming counts as used until a view or the running version says otherwise', async () => {
  const target = await pending({
    '1': 'ALTER TABLE "Users" RENAME COLUMN "name" TO "fullName";',
    '2': 'ALTER TABLE "Posts" RENAME TO "Articles";\nCREATE VIEW "Posts" AS SELECT * FROM "Articles";',
    '3': 'ALTER TABLE "Articles" DROP COLUMN "title" CASCADE;',
    '4': `ALTER TYPE "Mood" RENAME VALUE 'BAD' TO 'SAD';`,
  });
  const root = dirname(target.schemaFile);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: root });
  const named = ({ findings }: Rehearsal) =>
    findings
      .filter(({ code }) => /_USED$/.test(code))
      .map(
        (found) =>
          `${found.code} ${(found as Hazard).migration} ${/(?:drops|renames) (.*?),/.exec(found.message)?.[1]}`,
      );
  const unknown = await rehearse(target);
  assert.equal(named(unknown).sort(), [
    'DROPS_USED 3 view public.Posts',
    'RENAMES_USED 1 column public.Users.name',
    'RENAMES_USED 4 enum value public.Mood.BAD',
  ]);
  assert.match(String(unknown.findings.find(({ code }) => code === 'RENAMES_USED')?.hint), '@map("name")');
  // The running version neither knows the name, nor the title: @ignore keeps a field out of its queries.
  writeFileSync(
    target.schemaFile,
    'datasource db {\n  provider = "postgresql"\n}\nmodel Users {\n  id   BigInt @id\n  name String? @ignore\n}\n',
  );
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'the running version');
  assert.equal(named(await rehearse(target, { running: 'HEAD' })), []);
  const error = await rehearse(target, { running: 'nowhere' }).then(
    () => undefined,
    (thrown) => thrown,
  );
  assert.is(error?.code, 'RUNNING_UNKNOWN');
});

test('the version of the last deploy is the running one, by the audit log', async () => {
  const target = await pending({ '1': 'ALTER TABLE "Users" DROP COLUMN "mood";' });
  const root = dirname(target.schemaFile);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: root, encoding: 'utf8' }).trim();
  writeFileSync(
    target.schemaFile,
    'datasource db {\n  provider = "postgresql"\n}\nmodel Users {\n  id BigInt @id\n}\n',
  );
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'one');
  const commit = git('rev-parse', 'HEAD');
  git('commit', '-qm', 'two', '--allow-empty');
  await query(
    target.url.reveal(),
    `CREATE SCHEMA drydock; CREATE TABLE drydock."AuditEvent" (seq bigint, id text, at text, actor text, task text, env text, run text, event text, reason text, outcome text, metadata json, "prevHash" text, hash text);
     CREATE TABLE drydock.audit_head (seq bigint, hash text);
     INSERT INTO drydock."AuditEvent" (seq, event, metadata) VALUES (1, 'db.deployed', '{"commit":"${commit}","head":null,"inventory":"x"}')`,
  );
  assert.not.ok(codes(await rehearse(target)).includes('DROPS_USED'));
});

test('a version whose migrations were undone is deployed again: it is the one that runs', async () => {
  const target = await pending({ '1': 'ALTER TABLE "Users" DROP COLUMN "mood";' });
  const root = dirname(target.schemaFile);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: root, encoding: 'utf8' }).trim();
  const model = (fields: string) =>
    writeFileSync(
      target.schemaFile,
      `datasource db {\n  provider = "postgresql"\n}\nmodel Users {\n  id BigInt @id\n${fields}}\n`,
    );
  model('');
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'the only one');
  await query(
    target.url.reveal(),
    `CREATE SCHEMA drydock; CREATE TABLE drydock."AuditEvent" (seq bigint, id text, at text, actor text, task text, env text, run text, event text, reason text, outcome text, metadata json, "prevHash" text, hash text);
     CREATE TABLE drydock.audit_head (seq bigint, hash text);
     INSERT INTO drydock."AuditEvent" (seq, event, metadata) VALUES (1, 'db.deployed', '{"commit":"${git('rev-parse', 'HEAD')}","head":null,"inventory":"x"}')`,
  );
  assert.not.ok(codes(await rehearse(target)).includes('DROPS_USED'));
});

test.run();
