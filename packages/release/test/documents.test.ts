// Uses PostgreSQL: what lies in the databases of two environments, as the documents say it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendAudit, loadConfig, loadEnvironment } from '@drydock/kit';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import recordsTask from '../scripts/docs-records.ts';
import { pageOf } from '../src/documents/pages.ts';
import { withRows } from '../src/documents/rows.ts';
import { withRecord } from '../src/record/record.ts';
import type { NewRelease } from '../src/record/types.ts';

const test = suite('docs:records');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const TABLE = { title: '# Log', heading: '## Drills', columns: ['a', 'b'] };

test('a row is added once, below those of its table, whatever stands around it', () => {
  const one = [{ run: 'R1', cells: ['x', 'y'] }];
  const made = withRows(undefined, TABLE, one) ?? '';
  assert.is(made, '# Log\n\n## Drills\n\n| a | b |\n| --- | --- |\n| x | y <!-- R1 --> |\n');
  assert.is(withRows(made, TABLE, one), undefined);
  assert.is(withRows(undefined, TABLE, []), undefined);
  const two = [...one, { run: 'R2', cells: ['p', 'q'] }];
  assert.is(withRows(made, TABLE, two), `${made}| p | q <!-- R2 --> |\n`);
  const around = '# Log\n\n## Drills\n\nText.\n\n| a | b |\n| --- | --- |\n\nMore.\n\n## Other\n\n| c |\n| - |\n';
  assert.is(withRows(around, TABLE, one), around.replace('| --- | --- |\n', '| --- | --- |\n| x | y <!-- R1 --> |\n'));
  const empty = '# Log\n\n## Drills\n\nText.\n\n### Below\n\n## Other\n';
  assert.is(
    withRows(empty, TABLE, one),
    '# Log\n\n## Drills\n\nText.\n\n### Below\n\n| a | b |\n| --- | --- |\n| x | y <!-- R1 --> |\n\n## Other\n',
  );
});

test('what is new in a version is below headings of its page, and stays where nobody can tell it any more', () => {
  const page = pageOf('a', [], { changelog: '## v1.2.0\n\n# Features\n\n- one', before: undefined });
  assert.match(page, '## What is new\n\n### v1.2.0\n\n### Features\n\n- one\n');
  assert.is(pageOf('a', [], { changelog: undefined, before: page }), page);
  assert.is(pageOf('a', [], { changelog: '## v1.2.0\n\n# Features\n\n- one', before: page }), page);
});

const digest = (letter: string) => letter.repeat(64);
function released(letter: string, more: Partial<NewRelease> = {}): NewRelease {
  return {
    ...{
      run: `run${letter}`,
      kind: 'release',
      version: letter.repeat(12),
      digest: digest(letter),
      commit: letter.repeat(40),
    },
    ...{ subject: `change | ${letter}`, tag: null, actor: 'ann', host: 'laptop', migrations: ['1_jobs'], backup: null },
    ...{ bakeUntil: null, reason: 'it | is *time*', ...more },
  };
}

async function product() {
  const urls = { staging: await postgres.createDatabase(), production: await postgres.createDatabase() };
  const root = makeStrangeProduct({}, { OPS_DATABASE_URL: urls.staging });
  writeFileSync(join(root, '.env.production'), `OPS_DATABASE_URL='${urls.production}'\n`);
  const config = await loadConfig(undefined, root);
  const told = { config, task: 'x', actor: 'ann', reason: 'quarterly', outcome: 'done' as const };
  return {
    root,
    text: (path: string) => readFileSync(join(root, path), 'utf8'),
    run: (...args: string[]) => runTaskForTest(recordsTask, root, args),
    on: (env: 'staging' | 'production') => {
      const environment = loadEnvironment(config, env, {});
      return {
        record: <T>(work: Parameters<typeof withRecord<T>>[2]) => withRecord(config, environment, work),
        audit: (event: string, run: string, metadata: object) =>
          appendAudit(environment, { ...told, event, run, metadata: metadata as never }),
      };
    },
  };
}

test('a page for each version, rows for drills and rotations; a second time there is nothing to write', async () => {
  const { root, text, run, on } = await product();
  const drill = {
    at: '2026-11-24T10:00:00Z',
    backup: 'b1',
    passed: false,
    rto: 1.25,
    rpo: 2,
    tables: 3,
    rows: 4_000,
    queries: 5,
  };
  await on('staging').record(async (record) => {
    await record.wentLive(released('a', { tag: 'v1.2.0' }));
    await record.putEvidence({
      ...{ commit: 'a'.repeat(40), item: 'flow', ok: true, says: 'passed', link: 'https://ci.test/1', by: 'ann' },
      ...{ until: null, run: 'runa' },
    });
    await record.wentLive(released('b'));
    await record.wentBack('runb');
  });
  await on('staging').audit('backup.drill', 'drill1', { ...drill, faults: ['a | b'], unproved: [] });
  await on('production').record((record) => record.wentLive(released('a', { tag: 'v1.2.0' })));
  const rotated = { variables: ['JWT_ACCESS_KEYS', 'JWT_KID'], generation: 3, nextDue: '2027-02-01T08:00:00.000Z' };
  const proof = { verdict: 'dead', says: 'a token of it | 401' };
  await on('production').audit('secret.rotated', 'rotate1', {
    ...{ ...rotated, secret: 'jwt-access', emergency: true, proof },
  });
  await on('production').audit('secret.rotated', 'rotate1', {
    ...{ ...rotated, secret: 'mail--key', emergency: false, proof: null },
  });
  const behind = (await run('--check')).outcome?.findings ?? [];
  assert.equal([behind.length, behind[0]?.level, behind[0]?.code], [4, 'error', 'DOCUMENT_BEHIND']);
  assert.not(existsSync(join(root, 'docs')));
  const { outcome } = await run('--yes');
  assert.match(outcome?.verdict ?? '', '4 documents are written: docs/OPERATIONS_BACKUPS_RUNBOOK.md, ');
  const page = text('docs/releases/aaaaaaaaaaaa.md');
  assert.match(page, /^# v1\.2\.0 \(aaaaaaaaaaaa\)\n/);
  assert.match(page, '- `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` change \\| a');
  assert.match(
    page,
    /## staging\n\n\| live since.*\n.*\n\| 20\S+ \S+ \| {2}\| ann on laptop \| runa \| release \| 1\\_jobs \| {2}\| it \\\| is \\\*time\\\* \|/,
  );
  assert.match(page, /\| flow \| ✔ \| passed \(https\\:\/\/ci.test\/1\) \| ann \| 20/);
  assert.match(page, '## production\n');
  assert.match(text('docs/releases/bbbbbbbbbbbb.md'), '| runb | release, went back |');
  assert.match(
    text('docs/OPERATIONS_BACKUPS_RUNBOOK.md'),
    '| 2026-11-24 10:00 | staging | b1 | 1.3 s | 2 min | 3 | 4,000 | 5 | FAILED: a \\| b <!-- drill1 --> |',
  );
  assert.match(
    text('docs/OPERATIONS_SECRETS_ROTATION.md'),
    /\| 20\S+ \S+ \| production \| jwt-access, generation 3 \| JWT\\_ACCESS\\_KEYS, JWT\\_KID \| ann \| emergency: quarterly \| rotate1 \| 2027-02-01 \| dead: a token of it \\\| 401 <!-- rotate1.jwt-access --> \|/,
  );
  assert.match(
    text('docs/OPERATIONS_SECRETS_ROTATION.md'),
    / mail--key, generation 3 \| .* \| quarterly \| rotate1 \| 2027-02-01 \| not tried <!-- rotate1.mail-.key --> \|/,
  );
  assert.match((await run()).outcome?.verdict ?? '', 'The documents say all that staging, production knows.');
  assert.equal((await run('--check')).outcome?.findings, []);
});

test('what cannot be asked, and what people wrote below headings of their own, stays', async () => {
  const { root, text, run, on } = await product();
  for (const env of ['staging', 'production'] as const)
    await on(env).record((record) => record.wentLive(released('a')));
  await run('--yes');
  const path = 'docs/releases/aaaaaaaaaaaa.md';
  const page = text(path);
  writeFileSync(join(root, path), `${page}\n## What we learnt\n\nMuch.\n`);
  writeFileSync(join(root, '.env.production'), `OPS_DATABASE_URL='postgresql://nobody:x@127.0.0.1:1/nothing'\n`);
  await on('staging').record((record) => record.wentLive(released('a', { run: 'runA', kind: 'rollback' })));
  const { outcome } = await run('--yes');
  assert.equal(
    outcome?.findings?.map(({ code }) => code),
    ['RECORDS_UNSEEN'],
  );
  const after = text(path);
  assert.match(after, '| runA | rollback |');
  assert.match(
    after,
    /## production\n\n\| live since[\s\S]*\| runa \| release \|[\s\S]*## What we learnt\n\nMuch\.\n$/,
  );
  assert.not.match(after.slice(after.indexOf('## production')), 'runA');
});

test('nobody can be asked: that is an error, and nothing is written', async () => {
  const { root, run } = await product();
  for (const env of ['staging', 'production'])
    writeFileSync(join(root, `.env.${env}`), `OPS_DATABASE_URL='postgresql://nobody:x@127.0.0.1:1/nothing'\n`);
  const { error } = await run('--yes');
  assert.is(error?.code, 'RECORDS_UNSEEN');
  assert.not(existsSync(join(root, 'docs')));
});

test.run();
