// Uses git and PostgreSQL's parser; no database, no variables.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStrangeProduct, runTaskForTest, taskProcesses } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import lintTask from '../scripts/lint.ts';
import { lint } from '../src/lint/lint.ts';
import { CORPUS, LARGE, STRUCTURE } from './corpus/corpus.ts';
import { writeMigration } from './world.ts';

const test = suite('db:lint');
const limits = { largeTableRows: LARGE, lockTimeoutMs: 2_000 };

/** What no text tells, and why: of these a finding says so, or says less than a rehearsal does. */
const BY_ROWS = 'how many rows meet a condition';
const UNTOLD: Record<string, string> = {
  'UPDATE of most rows': BY_ROWS,
  'DELETE of most rows': BY_ROWS,
  MERGE: BY_ROWS,
};
const isUntold = ({ kind, form }: (typeof CORPUS)[number]) =>
  form === 'EXECUTE' ? 'what EXECUTE puts together' : UNTOLD[kind];

/** Harmless, or worse, for being small: no text tells. */
const isForSize = ({ on }: (typeof CORPUS)[number]) => on === 'small' || on === 'empty';

test('of the corpus no bad statement is silent, and no good one more than told, but for what only rows tell', async () => {
  const script = (name: string, sql: string) => ({ name, file: `/m/${name}/migration.sql`, sql });
  const all = [script('0_base', STRUCTURE), ...CORPUS.map(({ name, sql }) => script(name, sql))];
  const looked = new Set(all.slice(1).map(({ file }) => file));
  const { findings } = await lint(all, looked, { limits, hazards: {}, apart: true });
  const wrong: string[] = [];
  for (const one of CORPUS) {
    // What a file leaves is told of all of them together, by a rehearsal as well.
    const found = findings.filter(
      ({ file, code }) =>
        file === `/m/${one.name}/migration.sql` && !['FOREIGN_KEY_UNINDEXED', 'LEFT_INVALID'].includes(code),
    );
    const grave = found.filter(({ level }) => level !== 'info');
    const said = found.map(({ level, code }) => `${level} ${code}`).join(', ');
    const bad = one.finds !== undefined && one.finds.level !== 'info';
    const tell = (what: string) =>
      void wrong.push(`${one.name} ${one.form} ${one.on}: ${what}; got ${said}\n    ${one.sql}`);
    if (bad && isUntold(one)) {
      const told = found.some(({ code }) => code === 'UNTOLD' || code === one.finds?.code);
      if (!told || grave.some(({ code }) => code === one.finds?.code))
        tell(`wants to be told that the text does not tell ${isUntold(one)}`);
    } else if (bad && !grave.some(({ code }) => code === one.finds?.code)) tell(`wants ${one.finds?.code}`);
    if (isForSize(one)) {
      for (const { message, code } of grave)
        if (!/not known here|PostgreSQL cuts|deadlocks/.test(message) && code !== one.finds?.code)
          tell(`wants the size named as unknown: ${message}`);
    } else {
      const allowed = [one.finds?.code, ...one.besides];
      const others = grave.filter(({ code }) => !allowed.includes(code as never));
      if (others.length > 0) tell(`not wanted ${others.map(({ code, message }) => `${code} ${message}`).join(', ')}`);
    }
  }
  assert.is(wrong.length, 0, `${wrong.length}\n${wrong.join('\n')}`);
});

const BASE = `CREATE TABLE "User" ("id" BIGINT NOT NULL, "email" VARCHAR(40) NOT NULL, "name" TEXT, "old" TEXT, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
CREATE INDEX "User_name_idx" ON "User"("name");`;
const SCHEMA = `datasource db {
  provider = "postgresql"
}
model User {
  id    BigInt  @id
  email String  @db.VarChar(40)
  name  String?
}
`;

function checkout(files: Record<string, string> = {}, config: object = {}) {
  const root = makeStrangeProduct(config);
  rmSync(join(root, '.env.staging'));
  mkdirSync(join(root, 'prisma'));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], {
      cwd: root,
      stdio: 'pipe',
    });
  git('init', '-q', '-b', 'main');
  writeFileSync(join(root, 'prisma/schema.prisma'), SCHEMA);
  writeMigration(join(root, 'prisma'), '1_base', BASE);
  git('add', '.');
  git('commit', '-qm', 'base');
  git('checkout', '-qb', 'topic');
  for (const [name, sql] of Object.entries(files)) writeMigration(join(root, 'prisma'), name, sql);
  const run = (...args: string[]) => runTaskForTest(lintTask, root, args);
  return { root, git, run, write: (name: string, sql: string) => writeMigration(join(root, 'prisma'), name, sql) };
}

const codes = (outcome: { findings?: { level: string; code: string }[] } | undefined) =>
  (outcome?.findings ?? [])
    .map(({ level, code }) => `${level} ${code}`)
    .filter((one) => !one.endsWith('NO_LOCK_TIMEOUT'));

test('without a file, what was added since the base is looked at, together, committed or not', async () => {
  const { run, git, write } = checkout({ '2_t': 'CREATE TABLE t (id BIGINT PRIMARY KEY, u BIGINT);' });
  git('add', '.');
  git('commit', '-qm', 'two');
  write('3_t', 'CREATE INDEX t_u ON t(u); CREATE INDEX user_email ON "User"(email);');
  const { outcome, error } = await run('--base', 'main');
  assert.is(error, undefined, error?.message);
  assert.equal((outcome?.data as { migrations: string[] } | undefined)?.migrations, ['2_t', '3_t']);
  assert.equal(codes(outcome), ['warn INDEX_NOT_CONCURRENT']);
  assert.match(outcome?.findings?.[0]?.message ?? '', /blocks writes of "User" \(size not known here\)/);
  assert.is(outcome?.ok, true);
  assert.is((await run('--base', 'main', '--fail-on', 'warn')).outcome?.ok, false);
  assert.is((await run('--base', 'nowhere')).error?.code, 'BASE_UNKNOWN');
});

test('what the base branch uses may not go; what it does not use any more may, if it is empty', async () => {
  const { run } = checkout({
    '2_used': 'ALTER TABLE "User" DROP COLUMN "name";',
    '3_unused': 'ALTER TABLE "User" DROP COLUMN "old";',
  });
  const { outcome } = await run('--base', 'main');
  assert.equal(codes(outcome).toSorted(), ['error DROPS_USED', 'warn DESTROYS_ROWS', 'warn DESTROYS_ROWS']);
  assert.match(outcome?.findings?.find(({ code }) => code === 'DROPS_USED')?.message ?? '', 'column public.User.name');
  assert.is(outcome?.ok, false);
});

test('a migration of the base that is edited or taken away is told, line ends alone are not', async () => {
  const { run, write, root } = checkout();
  write('1_base', BASE.replaceAll('\n', '\r\n'));
  assert.equal(codes((await run('--base', 'main')).outcome), []);
  write('1_base', `${BASE} -- mended`);
  assert.equal(codes((await run('--base', 'main')).outcome), ['error MIGRATION_EDITED']);
  rmSync(join(root, 'prisma/migrations/1_base'), { recursive: true });
  assert.equal(codes((await run('--base', 'main')).outcome), ['error MIGRATION_MISSING']);
});

test('what is no SQL is refused with its file, line and the words of PostgreSQL', async () => {
  const { run } = checkout({ '2_bad': 'SELECT 1;\nALTER TABEL x;', '3_bad': 'CREATE;' });
  const { error } = await run('--base', 'main');
  assert.equal([error?.code, error?.exit], ['MIGRATION_SYNTAX', 1]);
  assert.match(error?.message ?? '', /2_bad\/migration\.sql:2:7: syntax error at or near "TABEL"/);
  assert.match(error?.message ?? '', /3_bad\/migration\.sql:1:/);
});

test('a report says of a file that is no SQL where it is, and the exit code stays', async () => {
  const { root } = checkout({ '2_bad': 'SELECT 1;\nALTER TABEL x;', '3_bad': 'CREATE;' });
  const { run } = taskProcesses(root);
  const annotated = async () => {
    const { code, stdout } = await run('db:lint', '--base', 'main', '--format', 'github');
    return [code, ...stdout.trim().split('\n')].map((line) => String(line).replace(/::(?!error).*/, ''));
  };
  const at = (name: string, line: number) =>
    `::error file=prisma/migrations/${name}/migration.sql,line=${line},title=MIGRATION_SYNTAX`;
  assert.equal(await annotated(), ['1', at('2_bad', 2), at('3_bad', 1)]);
  const nowhere = await run('db:lint', '--base', 'nowhere', '--format', 'github');
  assert.match(nowhere.stdout, /^::error title=\w+::/);
});

test('files are named by their path, by their folder, and need not be among the migrations', async () => {
  const { run, root } = checkout({ '2_set': 'ALTER TABLE "User" ALTER COLUMN "name" SET NOT NULL;' });
  writeFileSync(join(root, 'more.sql'), 'ALTER TABLE elsewhere ALTER COLUMN n TYPE BIGINT;');
  const { outcome, error } = await run(join(root, 'prisma/migrations/2_set'), 'more.sql');
  assert.is(error, undefined, error?.message);
  assert.equal(codes(outcome), ['warn NOT_NULL_VALIDATES', 'warn TYPE_CHANGE', 'info UNTOLD']);
  assert.is((await run('nothing.sql')).error?.code, 'FILE_MISSING');
});

test('the history tells: what is NOT NULL, wide enough, proven or there already is no finding', async () => {
  const { run } = checkout({
    '2_a': 'ALTER TABLE "User" ALTER COLUMN "email" SET NOT NULL; ',
    '3_b': 'ALTER TABLE "User" ALTER COLUMN "email" TYPE VARCHAR(80);',
    '4_c': 'ALTER TABLE "User" ADD CONSTRAINT named CHECK ("name" IS NOT NULL) NOT VALID;',
    '5_d': 'ALTER TABLE "User" VALIDATE CONSTRAINT named;',
    '6_e': 'ALTER TABLE "User" ALTER COLUMN "name" SET NOT NULL;',
    '7_f': 'CREATE INDEX IF NOT EXISTS "User_name_idx" ON "User"("name");',
  });
  assert.equal(codes((await run('--base', 'main')).outcome), []);
});

test('what a file makes anew itself is no finding: a key that it drops and makes again, a table that refers to itself', async () => {
  const { run } = checkout({
    '2_k': 'ALTER TABLE "User" DROP CONSTRAINT "User_pkey", ADD CONSTRAINT "User_pkey" PRIMARY KEY ("id");',
    '3_s':
      'CREATE TABLE IF NOT EXISTS s (id BIGINT PRIMARY KEY, up BIGINT REFERENCES s(id)); CREATE INDEX s_up ON s(up); ALTER TABLE s ADD COLUMN n INT NOT NULL;',
  });
  assert.equal(codes((await run('--base', 'main')).outcome), ['warn UNIQUE_BUILDS_INDEX']);
});

test('what only a transaction makes wrong is told: CONCURRENTLY within one, a new value of an enum, one that is left open', async () => {
  const { run, write } = checkout({
    '2_enum': `CREATE TYPE mood AS ENUM ('a'); CREATE TABLE m (id BIGINT PRIMARY KEY, m mood);`,
  });
  write('3_in', 'BEGIN; CREATE INDEX CONCURRENTLY i ON "User"(email); COMMIT;');
  write('4_used', `ALTER TYPE mood ADD VALUE 'b'; UPDATE m SET m = 'b' WHERE id = 1;`);
  write('5_open', 'BEGIN;\nALTER TABLE "User" ADD COLUMN z INT;');
  const { outcome } = await run('--base', 'main');
  for (const code of ['CONCURRENTLY_IN_TRANSACTION', 'ENUM_VALUE_USED', 'TRANSACTION_LEFT_OPEN'])
    assert.ok(codes(outcome).includes(`error ${code}`), `${code}: ${codes(outcome)}`);
});

const JSON_TABLE = 'CREATE TABLE j (id BIGINT PRIMARY KEY, d JSON);';

test('a comment with a reason sets aside, the config gives levels, and reports are written', async () => {
  const { run } = checkout({
    '2_i': '-- drydock:ignore INDEX_NOT_CONCURRENT: forty rows\nCREATE INDEX i ON "User"(email);',
    '3_j': JSON_TABLE,
  });
  const { outcome } = await run('--base', 'main');
  assert.equal(codes(outcome), ['warn JSON_COLUMN']);
  assert.equal((outcome?.data as { ignored: { reason: string }[] } | undefined)?.ignored[0]?.reason, 'forty rows');
  const github = (await run('--base', 'main', '--format', 'github')).outcome?.document ?? '';
  assert.match(github, /^::warning file=prisma\/migrations\/3_j\/migration\.sql,line=1,title=JSON_COLUMN::/m);
  const off = checkout({ '2_j': JSON_TABLE }, { database: { hazards: { JSON_COLUMN: 'off' } } });
  assert.equal(codes((await off.run('--base', 'main')).outcome), []);
});

test('as a process: exit codes, one object, and no variable, database or git is needed for a file', async () => {
  const { root } = checkout({
    '2_ok': 'ALTER TABLE "User" ADD COLUMN z INT;',
    '3_no': 'ALTER TABLE "User" ADD COLUMN y INT NOT NULL;',
  });
  const { ask } = taskProcesses(root);
  const ended = await ask('db:lint', 'prisma/migrations/2_ok');
  assert.is(ended.code, 0, JSON.stringify(ended));
  assert.is((await ask('db:lint', 'prisma/migrations/3_no')).code, 3);
});

test.run();
