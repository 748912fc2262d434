// Uses no service.
import '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { named } from '../src/restore/databases.ts';
import { restoreFailed } from '../src/restore/pg-restore.ts';
import { readSaid, uncounted } from '../src/restore/said.ts';

const test = suite('what pg_restore says');

test('every error that pg_restore tells is read, of whatever kind and language', () => {
  const said = `pg_restore: while INITIALIZING:
pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"
Command was: SET transaction_timeout = 0;
pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 3; 3079 16385 EXTENSION x
pg_restore: error: could not execute query: FEHLER:  keine Berechtigung
TIPP:  Muss Superuser sein.
Command was: CREATE EXTENSION IF NOT EXISTS x WITH SCHEMA public;


pg_restore: from TOC entry 4; 0 16386 TABLE DATA t owner
pg_restore: error: COPY failed for table "t": ERROR:  relation "kinds" does not exist
LINE 1: SELECT EXISTS(SELECT 1 FROM kinds WHERE k=x)
CONTEXT:  COPY t, line 1: "1	a"
pg_restore: error: could not execute query: ERROR:  relation "public.t" does not exist
Command was: ALTER TABLE ONLY public.t
    ADD CONSTRAINT t_pkey PRIMARY KEY (id);


pg_restore: error: something new
pg_restore: warning: errors ignored on restore: 5
`;
  const read = readSaid(said);
  assert.equal(
    read.errors.map(({ what, why }) => [what, why]),
    [
      ['SET transaction_timeout = 0;', 'unrecognized configuration parameter "transaction_timeout"'],
      ['CREATE EXTENSION IF NOT EXISTS x WITH SCHEMA public;', 'keine Berechtigung'],
      ['the rows of "t"', 'relation "kinds" does not exist'],
      ['ALTER TABLE ONLY public.t', 'relation "public.t" does not exist'],
      ['something', 'something new'],
    ],
  );
  assert.is(uncounted(read, 1), undefined);
  assert.is(uncounted({ ...read, ignored: 6 }, 1), 'it counts 6 errors, and 5 could be read');
  // Of several workers' entries each counts once more, of what was made before them none.
  assert.is(uncounted({ ...read, ignored: 8 }, 2), undefined);
  assert.is(uncounted({ ...read, ignored: 9 }, 2), 'it counts 9 errors, and 5 could be read');
  const ofParent = { errors: read.errors.slice(1, 2), ignored: 1 };
  assert.is(uncounted(ofParent, 2), undefined);
  assert.is(uncounted({ ...ofParent, ignored: 2 }, 2), 'it counts 2 errors, and 1 could be read');
  const full =
    'pg_restore: error: COPY failed for table "t": ERROR:  could not extend file "base/1/2": No space left on device\nHINT:  Check free disk space.\n';
  assert.is(
    `${restoreFailed(1, readSaid(full), full).code} ${restoreFailed(1, readSaid(full), full).message}`,
    'RESTORE_FAILED pg_restore failed: could not extend file "base/1/2": No space left on device.',
  );
  const newer = 'pg_restore: error: unsupported version (1.16) in file header\n';
  const old = restoreFailed(1, readSaid(newer), newer);
  assert.is(old.code, 'PG_RESTORE_TOO_OLD');
  assert.match(`${old.message} ${old.hint}`, /was 17 or newer.*postgresql-client-17.*PG_RESTORE_PATH/);
});

test('the name of a database that is made fits into what PostgreSQL keeps of names, by its bytes', () => {
  for (const live of ['shop', 'ä'.repeat(31), '数'.repeat(21), 'x'.repeat(63)]) {
    const made = named(live, 'restore', '01J00000000000000000000000');
    assert.ok(Buffer.byteLength(made) <= 63, made);
    assert.match(made, /_restore_01j0{23}$/);
    assert.not.match(made, '\ufffd');
  }
});

test('what several workers say at once is read as well', () => {
  const failed = (command: string) => `could not execute query: ERROR:  unrecognized\nCommand was: ${command};\n\n\n`;
  for (const said of [
    `pg_restore: pg_restore: error: ${failed('SET a = 0')}error: ${failed('SET b = 0')}`,
    `pg_restore: error: pg_restore: error: ${failed('SET a = 0')}${failed('SET b = 0')}`,
    `pg_restore: error: pg_restore: from TOC entry 5; 0 0 ACL x y\n${failed('SET a = 0')}pg_restore: error: ${failed('SET b = 0')}`,
    `pg_restore: pg_restore: from TOC entry 5; 0 0 ACL x y\nerror: ${failed('SET a = 0')}pg_restore: error: ${failed('SET b = 0')}`,
  ]) {
    const { errors, ignored } = readSaid(`${said}pg_restore: warning: errors ignored on restore: 2\n`);
    assert.equal([errors.map(({ command }) => command), ignored], [['SET a = 0;', 'SET b = 0;'], 2], said);
  }
});

test.run();
