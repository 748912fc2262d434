// Uses PostgreSQL: how findings are told, and set aside.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { typed, wordedFinding } from '@drydock/kit';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CODES } from '../src/codes.ts';
import { readIgnores } from '../src/hazards/ignore.ts';
import { rehearse } from '../src/index.ts';
import { writeReport } from '../src/report/formats.ts';
import { codes, pendingOn } from './pending.ts';
import { query } from './world.ts';

const README = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');

const test = suite('findings');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const pending = (migrations: Record<string, string>) => pendingOn(postgres, migrations);

test('a comment with a reason sets a finding aside; one without, or with an unknown code, counts for nothing', async () => {
  const index = 'CREATE INDEX "i1" ON "Users"("name");';
  const rehearsal = await rehearse(
    await pending({
      '1': `-- drydock:ignore INDEX_NOT_CONCURRENT: at night, with nobody there\n${index}`,
      '2': `-- drydock:ignore INDEX_NOT_CONCURRENT\n${index.replace('i1', 'i2')}`,
      '3': `-- drydock:ignore NO_SUCH_CODE: because\n${index.replace('i1', 'i3')}`,
    }),
  );
  assert.equal(codes(rehearsal, '1'), []);
  assert.equal(rehearsal.ignored, [
    { code: 'INDEX_NOT_CONCURRENT', migration: '1', line: 2, reason: 'at night, with nobody there' },
  ]);
  assert.equal(codes(rehearsal, '2').sort(), ['IGNORE_WITHOUT_REASON', 'INDEX_NOT_CONCURRENT']);
  assert.equal(codes(rehearsal, '3').sort(), ['IGNORE_WITHOUT_REASON', 'INDEX_NOT_CONCURRENT']);
  assert.equal([...readIgnores('-- drydock:ignore A_B: x').faults], ['ignores A_B, which is no code']);
  assert.equal(
    [...readIgnores('/* drydock:ignore DRIFT, TYPE_CHANGE: both */').codes.keys()],
    ['DRIFT', 'TYPE_CHANGE'],
  );
});

test('drift before anything is applied is said first', async () => {
  const target = await pending({ '1': 'CREATE INDEX "i" ON "Users"("name");' });
  await query(
    target.url.reveal(),
    'CREATE INDEX "by_hand" ON "Users"("age"); ALTER TABLE "Posts" ADD COLUMN "hot" INT',
  );
  const [drift, first] = (await rehearse(target)).findings;
  assert.is(drift?.code, 'DRIFT');
  assert.is(first?.code, 'DRIFT_BEFORE');
  assert.match(first?.message ?? '', 'has column public.Posts.hot');
  assert.match(first?.message ?? '', 'has index public.by_hand');
});

test('reports: annotations with file and line, a comment with the recipes, and SARIF', async () => {
  const target = await pending({ '1_a,b': 'SELECT 1;\nCREATE INDEX "i" ON "Users"("name");' });
  const rehearsal = await rehearse(target);
  const findings = rehearsal.findings.map((finding) => wordedFinding(finding, typed));
  const report = { ...rehearsal, findings, env: 'staging', verdict: 'No.', root: dirname(target.schemaFile) };
  const github = writeReport('github', report).split('\n');
  assert.ok(
    github.some((line) =>
      line.startsWith(
        '::notice file=migrations/1_a%2Cb/migration.sql,line=2,title=INDEX_NOT_CONCURRENT::1_a,b:2 blocks writes',
      ),
    ),
    github.join('\n'),
  );
  assert.match(writeReport('markdown', report), /```sql\n {2}CREATE INDEX CONCURRENTLY i ON "Users" \(name\);/);
  const sarif = JSON.parse(writeReport('sarif', report));
  const result = sarif.runs[0].results.find(({ ruleId }: { ruleId: string }) => ruleId === 'INDEX_NOT_CONCURRENT');
  assert.is(result.locations[0].physicalLocation.artifactLocation.uri, 'migrations/1_a%2Cb/migration.sql');
  assert.is(result.locations[0].physicalLocation.region.startLine, 2);
  assert.is(result.level, 'note');
});

test('every code is in the documentation', () => {
  assert.equal(
    Object.keys(CODES).filter((code) => !README.includes(`\`${code}\``)),
    [],
  );
});

test('the way from the task to the SQL that the documentation tells is the one of the code', () => {
  const [, way = ''] = README.split('## From `db:deploy` to the SQL');
  const steps = [...(way.split('\n## ')[0]?.matchAll(/^\d+\. .*$/gm) ?? [])].map(([line]) => line);
  assert.is(steps.length, 10);
  const told = steps.flatMap((line) => [...line.matchAll(/`([\w/-]+\.ts)`(?: \(((?:`\w+`(?:, )?)+)\))?/g)]);
  assert.ok(told.length > 15);
  for (const [, file = '', names = ''] of told) {
    const path = file.startsWith('/')
      ? join(import.meta.dirname, '../../..', file)
      : join(import.meta.dirname, '../src', file);
    const code = readFileSync(path, 'utf8');
    for (const [, name] of names.matchAll(/`(\w+)`/g))
      assert.match(code, new RegExp(`(function|class|const) ${name}\\b`), file);
  }
});

test.run();
