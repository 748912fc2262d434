// Uses no service: PostgreSQL's parser.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { calledFunctions, cutStatements, reachesOut } from '../../src/sql/index.ts';

const test = suite('cut statements');
const cut = async (sql: string) => (await cutStatements(sql, 'f.sql')).map(({ sql: text }) => text);

test('what stands in a nested comment is never a statement', async () => {
  assert.equal(await cut('VACUUM a;\n/* off:\n /* old way */ DELETE FROM users; -- all\n*/\nANALYZE users;'), [
    'VACUUM a',
    'ANALYZE users',
  ]);
  assert.equal(await cut('/* a /* b; */ c */ CREATE VIEW v AS SELECT 1 AS o;'), ['CREATE VIEW v AS SELECT 1 AS o']);
});

test('a statement keeps its bytes: comments, quotes and bodies inside it too', async () => {
  const inside = "SELECT /* ; /* ; */ */ $a$ ; $a$, 'é;''', E'\\';' -- ;\n, 2";
  const body = 'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END';
  assert.equal(await cut(`;; -- x;\n${inside};${body};;\n-- end;`), [inside, body]);
});

test('comments before a statement, and its line, are known', async () => {
  const [, second] = await cutStatements('SELECT 1; -- one\n/* é */\n-- uses: "x"\nSELECT 2', 'f.sql');
  assert.is(second?.line, 4);
  assert.is(second?.comments, ' -- one\n/* é */\n-- uses: "x"\n');
});

test('functions that act on more than their database are known by name wherever they are called', async () => {
  const [statement] = await cutStatements(
    'SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_stat_activity WHERE lower(datname) = $1',
    'f.sql',
  );
  assert.equal(calledFunctions(statement?.node), ['count', 'pg_terminate_backend', 'lower']);
  for (const name of [
    'pg_terminate_backend',
    'dblink_exec',
    'pg_reload_conf',
    'lo_export',
    'pg_read_file',
    'pg_ls_dir',
  ])
    assert.ok(reachesOut(name), name);
  for (const name of ['count', 'pg_get_indexdef', 'pg_size_pretty', 'lower', 'pg_stat_get_numscans'])
    assert.not.ok(reachesOut(name), name);
});

test('a syntax error names file, line and column', async () => {
  const error = await cutStatements('SELECT 1;\n  SELEC 2;', 'f.sql').catch((thrown) => thrown);
  assert.is(error.code, 'SQL_SYNTAX');
  assert.match(error.message, 'f.sql:2:3');
});

test('a no-break space belongs to the name before it, and a NUL byte hides nothing', async () => {
  assert.equal(await cut('SELECT 1 AS a\u00a0'), ['SELECT 1 AS a\u00a0']);
  const error = await cutStatements('SELECT 1;\n\0DROP TABLE t', 'f.sql').catch((thrown) => thrown);
  assert.match(error.message, 'f.sql:2:1: a NUL byte');
});

test('an emoji before a fault counts as one character', async () => {
  const error = await cutStatements("SELECT '😀é'; SELEC 2;", 'f.sql').catch((thrown) => thrown);
  assert.match(error.message, 'f.sql:1:14');
});

test('a file that switches standard_conforming_strings off is cut as the server reads it then', async () => {
  const statements = [
    "SELECT 'a\\'",
    "SELECT 1 /* ' */",
    'SET standard_conforming_strings = off',
    "SELECT 'a\\'; DROP TABLE users; --', E'\\'', $$ \\'; $$, N'x\\';' /* \\' */",
    "SELECT U&'\\0041' /* \\' */, 'é\\\\', \"q\\\", B'1'",
    'SET standard_conforming_strings TO on',
    "SELECT 'a\\'",
    'BEGIN',
    "SET LOCAL standard_conforming_strings = 'no'",
    "INSERT INTO t VALUES ('\\';'\n'\\'; more')",
    'COMMIT',
    "SELECT 'b\\'",
  ];
  const found = await cutStatements(`${statements.join(';\n')};\n`, 'f.sql');
  assert.equal(
    found.map(({ sql }) => sql),
    statements,
  );
  assert.equal(
    found.flatMap(({ conforming }, i) => (conforming ? [] : [i])),
    [3, 4, 5, 9, 10],
    'read with backslashes as escapes',
  );
  assert.is(found.at(-1)?.line, 13);
});

test('what a savepoint, a ROLLBACK and AND CHAIN make of standard_conforming_strings is followed', async () => {
  const off = 'SET standard_conforming_strings = off';
  const reads = async (...statements: string[]) => {
    const found = await cutStatements([...statements, "SELECT 'a\\'"].join(';\n'), 'f.sql').catch(() => undefined);
    return found?.at(-1)?.sql === "SELECT 'a\\'" ? 'on' : 'off';
  };
  assert.is(await reads('BEGIN', off, 'ROLLBACK'), 'on');
  assert.is(await reads('BEGIN', off, 'COMMIT'), 'off');
  assert.is(await reads(off, 'BEGIN', 'SET LOCAL standard_conforming_strings = on'), 'on');
  assert.is(await reads(off, 'BEGIN', 'SET LOCAL standard_conforming_strings = on', 'END'), 'off');
  assert.is(await reads('BEGIN', off, 'COMMIT AND CHAIN', 'ROLLBACK'), 'off');
  assert.is(await reads('BEGIN', 'SAVEPOINT a', off, 'SAVEPOINT b', 'ROLLBACK TO a'), 'on');
  assert.is(await reads('BEGIN', 'SAVEPOINT a', off, 'RELEASE a'), 'off');
  assert.is(await reads(off, 'RESET ALL'), 'on');
  assert.is(
    await reads(off, "CREATE FUNCTION f() RETURNS int SET standard_conforming_strings = on AS 'SELECT 1' LANGUAGE sql"),
    'off',
  );
});

test.run();
