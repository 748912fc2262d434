// Uses PostgreSQL: what may not run inside of a transaction is applied outside of one, whether its syntax says so or the server does.

import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rehearse } from '../src/index.ts';
import { withMigrations } from '../src/migrations/apply.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { makeTarget, query } from './world.ts';

const test = suite('outside of a transaction');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const BASE = `
  CREATE TABLE t (id INT PRIMARY KEY, a INT);
  CREATE TABLE p (id INT NOT NULL) PARTITION BY RANGE (id);
  CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (100); CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (100) TO (200);
  CREATE INDEX p_id ON p (id);
  CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..3 LOOP UPDATE t SET a = 2 WHERE id = i; COMMIT; END LOOP; END $$;`;
const FILES = {
  '1_do': `DO $$ BEGIN FOR i IN 1..3 LOOP UPDATE t SET a = 1 WHERE id = i; COMMIT; END LOOP; END $$;`,
  '2_call': 'CALL fill();',
  '3_text': `DO $$ BEGIN RAISE NOTICE 'rollback; commit;'; END $$;`,
  '4_detach': 'ALTER TABLE p DETACH PARTITION p_1 CONCURRENTLY;',
  '5_reindex': 'REINDEX TABLE p;',
};

test('code that commits, DETACH CONCURRENTLY and a REINDEX of partitions are rehearsed, applied and recorded', async () => {
  const target = makeTarget(await postgres.createDatabase(), { '0_base': BASE, ...FILES });
  const url = target.url.reveal();
  const [base, ...rest] = readMigrations(target.migrationsDir);
  if (!base) throw new Error('the base');
  await withMigrations(target.url, async (session) => {
    await session.apply(base, target);
  });
  await query(url, 'INSERT INTO t SELECT n, 0 FROM generate_series(1, 3) n; INSERT INTO p VALUES (1), (101); ANALYZE');
  const { findings, migrations } = await rehearse(target);
  assert.equal(
    findings.filter(({ level, code }) => level !== 'info' && code !== 'DRIFT').map(({ message }) => message),
    [],
  );
  assert.equal(
    migrations.map(({ name, statements }) => `${name} ${statements.length}`),
    Object.keys(FILES).map((name) => `${name} 1`),
  );
  await withMigrations(target.url, async (session) => {
    for (const migration of rest) await session.apply(migration, target);
  });
  assert.equal(await query(url, 'SELECT sum(a)::int AS a FROM t'), [{ a: 6 }]);
  assert.equal(await query(url, "SELECT count(*)::int AS n FROM pg_inherits WHERE inhparent = 'p'::regclass"), [
    { n: 1 },
  ]);
  assert.equal(await query(url, 'SELECT count(*)::int AS n FROM _prisma_migrations WHERE finished_at IS NOT NULL'), [
    { n: 6 },
  ]);
});

test.run();
