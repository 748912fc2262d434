// Uses no service.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CATALOGUE } from '../src/load/statements.ts';

const test = suite('statements that count');
const isOurs = (query: string) => new RegExp(CATALOGUE, 'i').test(query);

test("what the toolkit and Prisma ask of the catalogues is not the product's", () => {
  for (const query of [
    'SELECT namespace.nspname FROM pg_namespace AS namespace',
    'SELECT tbl.relname FROM pg_class AS tbl',
    'SELECT column_name FROM information_schema.columns WHERE table_schema = ANY($1)',
    'SELECT "id" FROM "public"."_prisma_migrations"',
    'SELECT pg_get_constraintdef(oid) FROM x',
    'INSERT INTO drydock.operation_lock VALUES ($1)',
    'SELECT * FROM pg_settings',
    'SELECT 1 FROM "drydock".backfill',
    '/* drydock */ UPDATE "Job" SET n = $1',
  ])
    assert.ok(isOurs(query), query);
});

test("a product's own statements count, whatever functions they call", () => {
  for (const query of [
    'SELECT * FROM "Job" WHERE id = $1',
    'SELECT pg_notify($1, $2), pg_advisory_xact_lock($3)',
    'SELECT * FROM my_pg_class_list',
    'SELECT * FROM pg_typed_notes',
    'SELECT * FROM drydocks WHERE drydock = $1',
    'SELECT * FROM ships JOIN drydock ON true',
  ])
    assert.not.ok(isOurs(query), query);
});

test.run();
