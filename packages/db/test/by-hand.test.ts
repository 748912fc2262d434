// Uses PostgreSQL. What somebody changed by hand after a deploy, and who tells it.
import { runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rehearse, type Target } from '../src/index.ts';
import { makeProduct } from './product.ts';
import { deployNodes, makeTarget, query, writeMigration } from './world.ts';

const test = suite('changed by hand');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  await query(
    postgres.adminUrl,
    `CREATE ROLE app; CREATE ROLE reader; CREATE ROLE ops LOGIN CREATEDB CREATEROLE PASSWORD 'ops'; GRANT reader TO ops`,
  );
});
test.after(() => postgres.stop());

const UP = {
  '1_users': `CREATE TABLE "Users" ("id" INTEGER NOT NULL, "email" VARCHAR(20) CHECK ("email" IN ('a', 'b')), CONSTRAINT "Users_pkey" PRIMARY KEY ("id"));
    ALTER TABLE "Users" ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON "Users" TO app USING (true); GRANT SELECT ON "Users" TO app;`,
  '2_function': `CREATE FUNCTION secret() RETURNS INT LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION secret() FROM PUBLIC;`,
};
const SCHEMA = 'model Users {\n  id    Int     @id\n  email String? @db.VarChar(20)\n}\n';
let made = 0;

async function deployed(): Promise<Target> {
  const name = `hand_${++made}`;
  await query(postgres.adminUrl, `CREATE DATABASE ${name} OWNER ops`);
  const target = makeTarget(postgres.urlOf(name, { user: 'ops', password: 'ops' }), UP, SCHEMA);
  await runStepsForTest(await deployNodes(target));
  return target;
}
const asAdmin = (target: Target, sql: string) =>
  query(new URL(target.url.reveal()).pathname.replace('/', `${postgres.adminUrl.replace(/\/[^/]*$/, '')}/`), sql);
const told = async (target: Target) => {
  writeMigration(target.root, '3_more', 'CREATE VIEW more AS SELECT 1 AS n;');
  const { findings } = await rehearse(target);
  return findings.filter(({ code }) => code === 'DRIFT_BEFORE').map(({ message }) => message);
};

test('to the letter, by what the last deploy left: rights and owners too', async () => {
  await query(postgres.adminUrl, 'CREATE DATABASE letter OWNER ops');
  const url = postgres.urlOf('letter', { user: 'ops', password: 'ops' });
  const product = makeProduct(url, SCHEMA, UP);
  assert.is((await product.run('db:deploy', '--yes')).code, 0);
  const handOf = async () => {
    const { data, code } = await product.ask('db:drift');
    return { code, ...(data as { byHand: Record<'lost' | 'added' | 'changed', string[]> }).byHand };
  };
  assert.equal(await handOf(), { code: 0, since: 'deploy', added: [], lost: [], changed: [] });
  await query(
    postgres.urlOf('letter'),
    `ALTER TABLE "Users" FORCE ROW LEVEL SECURITY; ALTER POLICY mine ON "Users" TO PUBLIC; GRANT ALL ON "Users" TO PUBLIC; GRANT SELECT ON "Users" TO reader;
     ALTER FUNCTION secret() RESET search_path; GRANT EXECUTE ON FUNCTION secret() TO PUBLIC; ALTER FUNCTION secret() OWNER TO reader; ANALYZE`,
  );
  assert.equal(await handOf(), {
    code: 3,
    since: 'deploy',
    lost: ['right of PUBLIC on function public.secret()'],
    added: ['right of PUBLIC on table public.Users', 'right of reader on table public.Users'],
    changed: [
      'function public.secret()',
      'owner of function public.secret()',
      'policy public.Users.mine',
      'table public.Users',
    ],
  });
  const { findings, code } = await product.ask('db:verify');
  assert.is(code, 3);
  const of = (wanted: string) =>
    (findings as { code: string; message: string }[])
      .filter((found) => found.code === wanted)
      .map(({ message }) => message)
      .join('\n');
  assert.match(of('OBJECT_MISSING'), 'right of PUBLIC on function public.secret()');
  for (const key of ['table public.Users', 'policy public.Users.mine', 'function public.secret()'])
    assert.match(of('OBJECT_DIFFERS'), `${key} is "`);
  assert.match(of('DRIFT_BEFORE'), /has right of PUBLIC on table public\.Users.*right of reader.*owner of function/);
  product.write('3_more', 'CREATE VIEW more AS SELECT 1 AS n;', '');
  const rehearsed = await product.ask('db:dry-run');
  assert.match(JSON.stringify(rehearsed.findings), /DRIFT_BEFORE.*lacks right of PUBLIC on function.*another policy/);
  // What was kept counts only as it was kept.
  await query(url, `UPDATE drydock.inventory SET items = '[]'`);
  assert.match(JSON.stringify((await product.ask('db:drift')).findings), 'BY_HAND_UNKNOWN');
});

test('by the migrations, where nobody kept what was there: what the operator gave is not told', async () => {
  const target = await deployed();
  const url = target.url.reveal();
  await query(url, 'DROP TABLE drydock.inventory');
  // Restored from a dump, a rule of a varchar is printed otherwise; a name that PostgreSQL made is another.
  await asAdmin(
    target,
    `GRANT SELECT ON "Users" TO reader; CREATE EXTENSION citext; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader; CREATE PUBLICATION everything FOR ALL TABLES;
     ALTER TABLE "Users" DROP CONSTRAINT "Users_email_check"; ALTER TABLE "Users" ADD CONSTRAINT "Users_email_check1" CHECK (email::text = ANY (ARRAY['a'::varchar::text, 'b'::varchar::text]))`,
  );
  assert.equal(await told(target), []);
  await asAdmin(
    target,
    'GRANT INSERT ON "Users" TO PUBLIC; REVOKE SELECT ON "Users" FROM app; ALTER TABLE "Users" DISABLE ROW LEVEL SECURITY',
  );
  assert.equal(await told(target), [
    'The target is not what its applied migrations make: it lacks right of app on table public.Users; it has right of PUBLIC on table public.Users, which no applied migration makes; it has another table public.Users.',
  ]);
});

test('db:deploy verifies rights that its migrations give, whatever else was given on the target', async () => {
  const target = await deployed();
  await asAdmin(target, 'GRANT INSERT ON "Users" TO app');
  writeMigration(target.root, '3_right', 'GRANT UPDATE ON "Users" TO app; CREATE VIEW more AS SELECT 1 AS n;');
  await runStepsForTest(await deployNodes(target));
  assert.equal(await query(target.url.reveal(), 'SELECT FROM drydock.inventory').then((rows) => rows.length), 1);
});

test.run();
