// Uses PostgreSQL: drafts of down.sql, in the order of what hangs on what, each proved as db:rollback proves it.
import { join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readMigrations } from '../src/migrations/folder.ts';
import { draftDown } from '../src/rollback/draft.ts';
import { proveDowns } from '../src/rollback/prove.ts';
import { makeTarget, query } from './world.ts';

const test = suite('drafts of down.sql');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const SCHEMA = 'model T {\n  id BigInt @id\n  n  Int?\n}\n';
const TABLE = 'CREATE TABLE "T" ("id" BIGINT NOT NULL, "n" INTEGER, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));';
const ALL = `
CREATE SCHEMA more;
CREATE TYPE more.pair AS (a int, b text);
CREATE DOMAIN more.odd AS int DEFAULT 1 NOT NULL CONSTRAINT is_odd CHECK (VALUE % 2 = 1);
CREATE SEQUENCE more."Count.er" AS integer INCREMENT 5 START 10;
CREATE FUNCTION more.a_touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := coalesce(NEW.n, 0) + 1; RETURN NEW; END $$;
CREATE FUNCTION a_small(n int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT n < 10 $$;
CREATE TRIGGER z_touch BEFORE INSERT ON "T" FOR EACH ROW EXECUTE FUNCTION more.a_touch();
ALTER TABLE "T" ADD CONSTRAINT small CHECK (a_small(n));
CREATE VIEW a_view AS SELECT id, n FROM "T";
CREATE VIEW b_view AS SELECT id FROM a_view WHERE a_small(n);
CREATE MATERIALIZED VIEW b_kept AS SELECT * FROM b_view;
CREATE UNIQUE INDEX b_kept_id ON b_kept (id);
ALTER TABLE "T" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own rows" ON "T" FOR SELECT TO PUBLIC USING (a_small(n));`;
/** The same in an order that PostgreSQL allows. */
const NONE = `
DROP POLICY "own rows" ON "T"; ALTER TABLE "T" DISABLE ROW LEVEL SECURITY;
DROP MATERIALIZED VIEW b_kept; DROP VIEW b_view; DROP VIEW a_view;
ALTER TABLE "T" DROP CONSTRAINT small; DROP TRIGGER z_touch ON "T";
DROP FUNCTION a_small(int); DROP FUNCTION more.a_touch();
DROP SEQUENCE more."Count.er"; DROP DOMAIN more.odd; DROP TYPE more.pair; DROP SCHEMA more;`;

async function drafted(migrations: Record<string, string>) {
  const target = makeTarget(await postgres.createDatabase(), migrations, SCHEMA);
  const name = Object.keys(migrations).at(-1) ?? '';
  const draft = await draftDown(target, name);
  // As db:rollback does.
  const prove = () =>
    proveDowns(target, readMigrations(join(target.root, 'migrations')), [{ name, sql: draft.sql }], () => {});
  return { ...draft, prove };
}

test('what came goes, whatever hangs on it: function, trigger, policy, views, types, sequence, schema', async () => {
  const { sql, open, proven, prove } = await drafted({ '1_t': TABLE, '2_all': ALL });
  assert.equal([open, proven], [[], true], sql);
  assert.ok(
    sql.indexOf('DROP TRIGGER') < sql.indexOf('DROP ROUTINE "more".a_touch') ||
      sql.indexOf('DROP TRIGGER') < sql.indexOf('a_touch()'),
  );
  assert.is((await prove()).undone, null);
});

test('what went comes again, in the order in which it can', async () => {
  const { sql, open, proven, prove } = await drafted({ '1_t': TABLE, '2_all': ALL, '3_none': NONE });
  assert.equal([open, proven], [[], true], sql);
  assert.is((await prove()).undone, null);
});

test('a body, a view and a policy that were made otherwise are what they were; a table goes with what hangs on it', async () => {
  const { sql, open, proven, prove } = await drafted({
    '1_t': `${TABLE}${ALL}`,
    '2_other': `CREATE OR REPLACE FUNCTION a_small(n int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT n < 20 $$;
CREATE TABLE "U" ("id" BIGINT NOT NULL, CONSTRAINT "U_pkey" PRIMARY KEY ("id"));
CREATE VIEW c_view AS SELECT u.id FROM "U" u JOIN a_view USING (id);
CREATE OR REPLACE VIEW a_view AS SELECT id, n, n + 1 AS m FROM "T" WHERE n > 0;
ALTER POLICY "own rows" ON "T" USING (n = 3);
ALTER TABLE "T" FORCE ROW LEVEL SECURITY;`,
  });
  assert.match(sql, 'DROP VIEW public.c_view');
  assert.equal([open, proven], [[], true], sql);
  assert.is((await prove()).undone, null);
});

test('what hangs on a view that was made otherwise is made again with its rights, its index and its trigger', async () => {
  await query(postgres.adminUrl, 'CREATE ROLE "read er"; CREATE ROLE writes');
  const { sql, open, proven, prove } = await drafted({
    '1_t': `${TABLE}${ALL}
GRANT SELECT ON b_view TO "read er" WITH GRANT OPTION; GRANT SELECT, INSERT ON a_view TO writes; GRANT SELECT ON a_view TO PUBLIC;
CREATE FUNCTION more.put() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER put INSTEAD OF INSERT ON b_view FOR EACH ROW EXECUTE FUNCTION more.put();
CREATE FUNCTION of_it() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM b_view; END;`,
    '2_other': `CREATE OR REPLACE VIEW a_view AS SELECT id, n, n + 1 AS m FROM "T" WHERE n > 0;
GRANT UPDATE ON a_view TO writes; GRANT SELECT ON "T" TO "read er"; REVOKE SELECT ON a_view FROM PUBLIC;`,
  });
  assert.equal([open, proven], [[], true], sql);
  assert.is((await prove()).undone, null);
});

test('rights on functions, schemas, types, sequences and columns are what they were, those that PUBLIC has by itself among them', async () => {
  await query(postgres.adminUrl, 'CREATE ROLE "calls it"; CREATE ROLE lends');
  const before = `${TABLE}${ALL}
GRANT USAGE ON SCHEMA more TO "calls it"; GRANT EXECUTE ON FUNCTION a_small(int) TO lends WITH GRANT OPTION; REVOKE USAGE ON TYPE more.pair FROM PUBLIC;
GRANT USAGE ON SEQUENCE more."Count.er" TO lends; GRANT SELECT (id), UPDATE (n) ON "T" TO "calls it";`;
  const given = await drafted({
    '1_t': before,
    '2_given': `REVOKE EXECUTE ON FUNCTION a_small(int), more.a_touch() FROM PUBLIC; GRANT EXECUTE ON FUNCTION more.a_touch() TO "calls it";
GRANT CREATE ON SCHEMA more TO "calls it" WITH GRANT OPTION; GRANT USAGE ON SCHEMA more TO PUBLIC; GRANT USAGE ON TYPE more.pair TO PUBLIC, lends; REVOKE USAGE ON TYPE more.odd FROM PUBLIC;
GRANT ALL ON SEQUENCE more."Count.er" TO lends, PUBLIC; GRANT SELECT (n) ON "T" TO lends; REVOKE UPDATE (n) ON "T" FROM "calls it";`,
  });
  assert.equal([given.open, given.proven], [[], true], given.sql);
  assert.is((await given.prove()).undone, null);
  const taken = await drafted({
    '1_t': before,
    '2_taken': `REVOKE ALL ON SCHEMA more FROM "calls it"; REVOKE ALL ON FUNCTION a_small(int) FROM lends; GRANT USAGE ON TYPE more.pair TO PUBLIC;
REVOKE ALL ON SEQUENCE more."Count.er" FROM lends; REVOKE ALL (id, n) ON "T" FROM "calls it"; DROP VIEW b_view CASCADE; DROP FUNCTION more.a_touch() CASCADE;`,
  });
  assert.equal([taken.open, taken.proven], [[], true], taken.sql);
  assert.is((await taken.prove()).undone, null);
});

test.run();
