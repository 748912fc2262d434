// Uses no service: PostgreSQL's parsers.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { codeInside, cutStatements, type InnerCode } from '../../src/sql/index.ts';

const test = suite('code inside a statement');
async function inside(sql: string): Promise<InnerCode> {
  const [statement] = await cutStatements(sql, 'f.sql');
  if (!statement) throw new Error('a statement');
  return codeInside(statement.sql, statement.node);
}
const kinds = ({ nodes }: InnerCode) => nodes.map((node) => Object.keys(node)[0]).sort();

test('what a DO block runs is found, in constant texts that it executes too', async () => {
  const code = await inside(`DO LANGUAGE plpgsql $$ DECLARE r record; n int := 1; BEGIN
    EXECUTE 'DROP TABLE legacy.old'; n := n + 1;
    FOR r IN EXECUTE $q$SELECT 1 AS a$q$ LOOP DELETE FROM big; END LOOP;
    EXECUTE 'DO $x$ BEGIN TRUNCATE a; END $x$';
  EXCEPTION WHEN duplicate_object THEN CREATE ROLE x; END $$`);
  assert.is(code.opaque, false);
  assert.equal(
    kinds(code).filter((kind) => kind !== 'SelectStmt'),
    ['CreateRoleStmt', 'DeleteStmt', 'DoStmt', 'DropStmt', 'TruncateStmt'],
  );
});

test('what is put together while it runs cannot be told, and its text is there to be looked at', async () => {
  for (const run of [
    `EXECUTE 'SELECT pg_term' || 'inate_backend(1)'`,
    `EXECUTE format('DROP TABLE %I', 'x')`,
    `FOR r IN EXECUTE a LOOP END LOOP`,
    `OPEN c FOR EXECUTE a || b`,
  ]) {
    const code = await inside(`DO $$ DECLARE r record; c refcursor; a text; b text; BEGIN ${run}; END $$`);
    assert.is(code.opaque, true, run);
  }
  const returned = `CREATE FUNCTION f(a text) RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE a; END $$`;
  assert.is((await inside(returned)).opaque, true);
  assert.match((await inside(`DO $$ BEGIN EXECUTE format('x %I', 'a'); END $$`)).texts.join(), 'format');
});

test('a function in SQL is read, one in another language cannot be', async () => {
  assert.equal(kinds(await inside(`CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM a; SELECT 1'`)), [
    'DeleteStmt',
    'SelectStmt',
  ]);
  assert.is((await inside(`CREATE FUNCTION f() RETURNS int LANGUAGE plv8 AS 'return 1'`)).opaque, true);
  assert.equal(await inside('SELECT 1'), { nodes: [], opaque: false, texts: [] });
});

test('types that only the server knows, transactions and assignments to fields are read', async () => {
  const code = await inside(
    `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$ DECLARE r public.foo%ROWTYPE; s foo.bar%TYPE; e public."Mood"; BEGIN NEW.a := now(); r.b[1] = 2; CALL px(1); COMMIT; RETURN NEW; END $f$`,
  );
  assert.is(code.opaque, false);
  assert.ok(kinds(code).includes('CallStmt'));
});

test.run();
