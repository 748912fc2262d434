// Uses PostgreSQL, of this machine's version and of the newest. What is known of a rehearsal before anything is begun.
import { EXIT } from '@drydock/kit';
import { runStepsForTest } from '@drydock/kit/testing';
import { postgresOf, startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeCopy, foreseeCopy, rehearse } from '../src/index.ts';
import { makeProduct } from './product.ts';
import { deployNodes, makeTarget, query } from './world.ts';

const test = suite('a rehearsal foreseen');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  await query(
    postgres.adminUrl,
    `CREATE ROLE ops LOGIN CREATEDB PASSWORD 'ops'; CREATE ROLE narrow LOGIN PASSWORD 'narrow'; CREATE ROLE dba`,
  );
  await query(postgres.adminUrl, 'CREATE DATABASE shop OWNER ops');
  await query(postgres.adminUrl, 'CREATE DATABASE poor OWNER narrow');
});
test.after(() => postgres.stop());

const UP = { '1_t': 'CREATE TABLE "T" ("id" INTEGER NOT NULL, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));' };
const SCHEMA = 'model T {\n  id Int @id\n}\n';
const urlOf = (name: string, role: string) => postgres.urlOf(name, { user: role, password: role });

test('the plan of db:deploy, and db:dry-run, say what a copy cannot show', async () => {
  await query(
    postgres.urlOf('shop'),
    `CREATE EXTENSION pageinspect; CREATE TABLE theirs (id INT); ALTER TABLE theirs OWNER TO dba; GRANT SELECT ON theirs TO ops;
     CREATE PUBLICATION everything FOR ALL TABLES; CREATE SUBSCRIPTION live CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, slot_name = NONE)`,
  );
  const product = makeProduct(urlOf('shop', 'ops'), SCHEMA, UP);
  const { data, code } = await product.ask('db:deploy', '--plan');
  assert.is(code, 0);
  const plan = JSON.stringify(data);
  for (const what of [
    'owner dba of 1 object (it will be ops)',
    'subscription live',
    'publication everything',
    'extension pageinspect (the role may not make it)',
  ])
    assert.ok(plan.includes(what), `${what} in ${plan}`);
  const rehearsed = await product.ask('db:dry-run', '--data', 'schema');
  assert.match(JSON.stringify(rehearsed.findings), /COPY_DIFFERS.*owner dba of 1 object.*subscription live/);
  await query(postgres.urlOf('shop'), 'DROP SUBSCRIPTION live');
});

test('a role that may make no copy is told so before anything is begun, with both ways out', async () => {
  const product = makeProduct(urlOf('poor', 'narrow'), SCHEMA, UP);
  const name = Object.keys(UP)[0] ?? '';
  for (const args of [
    ['db:deploy', '--plan'],
    ['db:deploy', '--yes'],
    ['db:dry-run'],
    ['db:baseline', '--check'],
    ['db:down', '--for', name],
  ] as const) {
    const [task, ...rest] = args;
    const { code, error } = await product.ask(task, ...rest);
    assert.equal([code, error.code], [EXIT.usage, 'NO_CREATEDB'], args.join(' '));
    assert.match(error.message, 'may not make a database, and a copy is one beside the target');
    assert.match(error.hint, /ALTER ROLE "narrow" CREATEDB.*database\.scratch\.url/);
  }
  assert.equal(await query(urlOf('poor', 'narrow'), `SELECT FROM pg_tables WHERE schemaname = 'public'`), []);
});

test('on the newest server, which pg_dump cannot read, that is told with the plan; a key without overlaps is no drift there', async () => {
  const binaries = postgresOf(18);
  if (!binaries) return;
  const newer = await startTestPostgres({ binaries, settings: { shared_preload_libraries: '' } });
  // The machine's own, whatever programs this suite is to use (scripts/check/versions.ts).
  const { PG_DUMP_PATH, PG_RESTORE_PATH } = process.env;
  delete process.env.PG_DUMP_PATH;
  delete process.env.PG_RESTORE_PATH;
  try {
    const url = await newer.createDatabase();
    await query(url, 'CREATE EXTENSION btree_gist');
    const target = makeTarget(
      url,
      {
        '1_stay': `CREATE TABLE "Stay" ("room" INTEGER NOT NULL, "during" daterange NOT NULL, CONSTRAINT "Stay_pkey" PRIMARY KEY ("room", "during" WITHOUT OVERLAPS));`,
        '2_not_null': `CREATE TABLE "Late" ("id" INTEGER NOT NULL, "name" TEXT, CONSTRAINT "Late_pkey" PRIMARY KEY ("id")); ALTER TABLE "Late" ADD CONSTRAINT "named" NOT NULL "name" NOT VALID;
          ALTER TABLE "Late" ADD CONSTRAINT "loose" CHECK ("id" > 0) NOT ENFORCED;`,
      },
      'model Stay {\n  room   Int\n  during Unsupported("daterange")\n\n  @@id([room, during])\n  @@ignore\n}\nmodel Late {\n  id   Int    @id\n  name String\n}\n',
    );
    const unshown = await foreseeCopy(target);
    assert.is(unshown.old?.code, 'PG_DUMP_TOO_OLD');
    assert.match(String(unshown.old?.hint), /postgresql-client-18.*PG_DUMP_PATH.*PG_RESTORE_PATH/);
    assert.match(describeCopy(unshown, 'copy').join(), 'what the migrations make again');
    assert.throws(
      () => describeCopy(unshown, 'full'),
      (error: { code: string; exit: number }) => error.code === 'PG_DUMP_TOO_OLD' && error.exit === EXIT.usage,
    );
    const { findings } = await rehearse(target);
    assert.equal(
      findings.filter(({ code }) => code === 'DRIFT' || code === 'LEFT_INVALID').map(({ message }) => message),
      ['constraint public.Late.named is left invalid after 2_not_null.'],
      'what is not enforced cannot be validated',
    );
    await runStepsForTest(await deployNodes(target));
    const again = await rehearse(target);
    assert.equal(again.findings, []);
  } finally {
    Object.assign(process.env, PG_DUMP_PATH && PG_RESTORE_PATH ? { PG_DUMP_PATH, PG_RESTORE_PATH } : {});
    await newer.stop();
  }
});

test.run();
