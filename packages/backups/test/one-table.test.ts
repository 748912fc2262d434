// Uses PostgreSQL; the tasks run as processes.
import { execFileSync } from 'node:child_process';
import { databaseOf, type OpsError, requireTool, Secret } from '@drydock/kit';
import type { TaskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readToc } from '../src/archive/toc.ts';
import { choose } from '../src/restore/choose.ts';
import { type Keys, makeKeys, makeProduct, query } from './world.ts';

const test = suite('one table, and one thing left out');
let postgres: TestPostgres;
let keys: Keys;
let url: string;
let name: string;
let product: TaskProcesses;
let toc: ReturnType<typeof readToc>;
test.before(async () => {
  [postgres, keys] = await Promise.all([startTestPostgres(), makeKeys()]);
  url = await postgres.createDatabase();
  name = databaseOf(new Secret(url));
  await query(url, SHOP);
  product = makeProduct(url, keys);
  const backup = await product.ask('db:backup');
  assert.is(backup.code, 0, backup.error?.message);
  toc = readToc(execFileSync(requireTool('pg_dump'), ['-Fc', '-Z0', url]));
});
test.after(() => postgres.stop());

/** Columns of all that a table cannot be made without: of another schema, an extension, a domain with a function, defaults, a sequence that is nobody's. */
const SHOP = `
  CREATE SCHEMA shop; CREATE SCHEMA "Odd one"; CREATE EXTENSION citext SCHEMA "Odd one";
  CREATE TYPE shop."JobStatus" AS ENUM ('OPEN', 'DONE'); CREATE TYPE shop.place AS (at point, since date);
  CREATE FUNCTION shop.is_even(n int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT n % 2 = 0 $$;
  CREATE DOMAIN shop.even AS int CHECK (shop.is_even(VALUE)); CREATE SEQUENCE shop.numbers START 100;
  CREATE FUNCTION shop.code() RETURNS text LANGUAGE sql AS $$ SELECT 'INV-' || nextval('shop.numbers') $$;
  CREATE TABLE shop.people (id serial PRIMARY KEY, name "Odd one".citext UNIQUE);
  CREATE TABLE shop."a.b ""c""" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status shop."JobStatus" DEFAULT 'OPEN', pair shop.even, place shop.place, person int REFERENCES shop.people,
    code text DEFAULT shop.code(), number int DEFAULT nextval('shop.numbers'), old int REFERENCES shop."a.b ""c""", twice int GENERATED ALWAYS AS (pair * 2) STORED, label "Odd one".citext DEFAULT 'New');
  CREATE INDEX by_code ON shop."a.b ""c""" (lower(code)); COMMENT ON TABLE shop."a.b ""c""" IS 'the one';
  INSERT INTO shop.people (name) VALUES ('Ann'), ('Bob'); INSERT INTO shop."a.b ""c""" (pair, person, place) SELECT n * 2, 1, ('(1,2)'::point, '2024-01-01'::date)::shop.place FROM generate_series(1, 50) n;
  CREATE TABLE events (at int PRIMARY KEY, what shop."JobStatus") PARTITION BY RANGE (at); CREATE TABLE shop.events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
  CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20); CREATE INDEX ON events (what); INSERT INTO events SELECT n, 'DONE' FROM generate_series(0, 19) n;
  CREATE TABLE twin (n int); CREATE TABLE shop.twin (n int); CREATE VIEW many AS SELECT * FROM events;
  CREATE TABLE kinds (k text PRIMARY KEY); INSERT INTO kinds VALUES ('a');
  CREATE FUNCTION is_kind(x text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN EXISTS (SELECT 1 FROM kinds WHERE k = x); END $$;
  CREATE FUNCTION totals() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT count(*) FROM kinds); END $$;
  CREATE MATERIALIZED VIEW sums AS SELECT totals() AS n; CREATE VIEW on_sums AS SELECT * FROM sums;
  CREATE TABLE checked (k text CHECK (is_kind(k))); INSERT INTO checked VALUES ('a')`;

/** What would be restored, or why not. */
function chosen(wish: { table?: string; accept?: string[] }): { only?: number[] | undefined; error?: OpsError } {
  const { table = null, accept = [] } = wish;
  try {
    return choose({ table, keys: false, accept }, toc?.objects);
  } catch (error) {
    return { error: error as OpsError };
  }
}

let made = 0;
async function restored(...args: string[]) {
  const to = `${name}_${++made}`;
  const answer = await product.ask('db:restore', '--to', to, '--yes', ...args);
  return { ...answer, url: url.replace(/[^/]+$/, to) };
}

test('it brings its types, domains, functions, sequences, extensions and schemas, whatever it is called; nothing else', async () => {
  const { code, error, data, url: there } = await restored('--table', 'shop."a.b ""c"""');
  assert.is(code, 0, error?.message);
  assert.equal([data.provedBy, data.rows], ['checksums', 50]);
  assert.equal(
    await query(
      there,
      `INSERT INTO shop."a.b ""c""" (pair) VALUES (4); SELECT id, status::text, twice, number > 150 AS further, label::text AS label FROM shop."a.b ""c""" ORDER BY id DESC LIMIT 1`,
    ),
    [{ id: 51, status: 'OPEN', twice: 8, further: true, label: 'New' }],
  );
  assert.equal(
    await query(
      there,
      `SELECT relname FROM pg_class c WHERE relkind IN ('r', 'i', 'v') AND relnamespace IN ('public'::regnamespace, 'shop'::regnamespace)`,
    ),
    [{ relname: 'a.b "c"' }],
  );
  assert.equal(await query(there, `SELECT obj_description('shop."a.b ""c"""'::regclass) AS said`), [
    { said: 'the one' },
  ]);
});

test('with --keys its keys and indexes come; a reference to what is not there is left out, and said', async () => {
  const { code, error, findings, url: there } = await restored('--table', 'a.b "c"', '--keys');
  assert.is(code, 0, error?.message);
  assert.match(
    JSON.stringify(findings),
    /FK CONSTRAINT shop\.a\.b .*person_fkey is not in what was restored \(it leads to shop\.people/,
  );
  assert.equal(
    (
      await query(
        there,
        `SELECT conname, contype FROM pg_constraint WHERE conrelid = 'shop."a.b ""c"""'::regclass ORDER BY contype`,
      )
    ).map(({ contype }: { contype: string }) => contype),
    ['f', 'p'],
  );
  assert.equal(
    await query(there, `SELECT count(*)::int AS n FROM pg_index WHERE indrelid = 'shop."a.b ""c"""'::regclass`),
    [{ n: 2 }],
  );
  const lone = await product.ask('db:restore', '--to', 'x', '--keys', '--yes');
  assert.is(lone.code, 2);
});

test('of a partitioned table come its partitions, of a partition that alone', async () => {
  const whole = await restored('--table', 'events', '--keys', '--jobs', '1');
  assert.is(whole.code, 0, whole.error?.message);
  assert.equal([whole.data.provedBy, whole.data.rows], ['checksums', 20]);
  assert.equal(
    await query(
      whole.url,
      `SELECT count(*)::int AS n, (SELECT count(*)::int FROM pg_index WHERE indisvalid) > 2 AS indexed FROM events`,
    ),
    [{ n: 20, indexed: true }],
  );
  const part = await restored('--table', 'events_2', '--keys');
  assert.is(part.code, 0, part.error?.message);
  assert.equal(
    [
      part.data.rows,
      await query(
        part.url,
        `SELECT to_regclass('events') AS parent, count(*)::int AS keys FROM pg_index WHERE indrelid = 'events_2'::regclass`,
      ),
    ],
    [10, [{ parent: null, keys: 2 }]],
  );
});

test('a name that is not there is answered with what there is, one of several with those, a view as a view', async () => {
  for (const [wanted, code, message, hint] of [
    ['peple', 'TABLE_NOT_IN_BACKUP', /no table peple/, /Did you mean --table people\? The backup has .*shop\.people/],
    ['shop.nosuch', 'TABLE_NOT_IN_BACKUP', /no table shop\.nosuch/, /The backup has/],
    ['twin', 'TABLE_AMBIGUOUS', /public\.twin, shop\.twin/, /--table public\.twin/],
    ['many', 'TABLE_NOT_IN_BACKUP', /public\.many is a view/, /The backup has/],
  ] as const) {
    const { error } = chosen({ table: wanted });
    assert.is(error?.code, code);
    assert.match(error?.message ?? '', message);
    assert.match(String(error?.hint), hint);
  }
  assert.equal(chosen({ table: 'shop.twin' }).only?.length, 3, 'its schema, the table and its rows');
});

test('what fails is named with how to go on without it; that is left out and said, and a drill still says no', async () => {
  const whole = await restored();
  assert.equal([whole.code, whole.error.code], [1, 'RESTORE_INCOMPLETE']);
  const flags = [...whole.error.hint.matchAll(/--accept '(.+?)'(?= |$)/g)].map(([, what]) => what);
  assert.equal(flags.sort(), ['MATERIALIZED VIEW DATA public.sums', 'TABLE DATA public.checked']);
  const accepted = await restored(...flags.flatMap((what) => ['--accept', what]));
  assert.is(accepted.code, 0, accepted.error?.message);
  assert.match(accepted.stderr, 'Not restored: TABLE DATA public.checked (left out by --accept)');
  assert.match(
    JSON.stringify(accepted.findings),
    '"code":"LEFT_OUT","message":"MATERIALIZED VIEW DATA public.sums is not in what was restored',
  );
  assert.equal(
    await query(
      accepted.url,
      'SELECT (SELECT count(*)::int FROM checked) AS checked, (SELECT count(*)::int FROM kinds) AS kinds',
    ),
    [{ checked: 0, kinds: 1 }],
  );
  const drill = await product.ask('backup:drill');
  assert.is(drill.code, 3);
  const hanging = chosen({ accept: ['sums', 'checked'] }).error;
  assert.is(hanging?.code, 'ACCEPT_NEEDED');
  assert.match(String(hanging?.hint), `--accept 'VIEW public.on_sums'`);
  const unknown = chosen({ accept: ['on_sumz'] }).error;
  assert.equal([unknown?.code, unknown?.exit], ['ACCEPT_UNKNOWN', 2]);
  assert.match(String(unknown?.hint), 'on_sums');
  const gone = await restored('--accept', 'sums', '--accept', 'on_sums', '--accept', 'public.checked');
  assert.is(gone.code, 0, gone.error?.message);
  assert.match(gone.stderr, 'What objects there are was not compared with the backup');
  assert.equal(await query(gone.url, `SELECT to_regclass('sums') AS one, to_regclass('checked') AS other`), [
    { one: null, other: null },
  ]);
});

test.run();
