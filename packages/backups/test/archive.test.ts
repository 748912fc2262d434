// Uses PostgreSQL and its pg_dump, into a file and through a pipe.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '@drydock/kit';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ArchiveReader, type Patch } from '../src/archive/reader.ts';
import { query, temporaryFolder } from './world.ts';

const test = suite('an archive out of a pipe');
let postgres: TestPostgres;
let [filed, piped] = [Buffer.alloc(0), Buffer.alloc(0)];
test.before(async () => {
  postgres = await startTestPostgres();
  const url = await postgres.createDatabase();
  await query(
    url,
    `CREATE SCHEMA "Odd one"; CREATE TABLE empty (); CREATE VIEW v AS SELECT 1 AS one;
     CREATE TABLE "Odd one"."Größe" (id serial PRIMARY KEY, s text); INSERT INTO "Odd one"."Größe" (s) SELECT repeat('x', n % 300) FROM generate_series(1, 5000) n;
     CREATE TABLE wide (bytes bytea); INSERT INTO wide SELECT decode(repeat('00ff', 150000), 'hex') FROM generate_series(1, 5);
     SELECT lo_from_bytea(0, decode(repeat('ab', 100000), 'hex')) FROM generate_series(1, 3);
     CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM wide`,
  );
  const path = join(temporaryFolder(), 'filed');
  execFileSync(requireTool('pg_dump'), ['-Fc', '-Z0', '-f', path, url]);
  filed = readFileSync(path);
  piped = execFileSync(requireTool('pg_dump'), ['-Fc', '-Z0', url], { maxBuffer: 1 << 28 });
});
test.after(() => postgres.stop());

/** In pieces of these bytes. */
function patchesOf(archive: Buffer, pieceBytes: number): Patch[] {
  const finder = new ArchiveReader();
  for (let at = 0; at < archive.length; at += pieceBytes) finder.add(archive.subarray(at, at + pieceBytes));
  return finder.patches();
}

test('gets the offsets that pg_dump itself writes into a file, however it is cut into pieces', () => {
  for (const pieceBytes of [61, 4_096, 65_537, 1 << 20, 1 << 28]) {
    const patched = Buffer.from(piped);
    const patches = patchesOf(piped, pieceBytes);
    assert.ok(patches.length >= 4, `${patches.length} with data`);
    for (const { at, bytes } of patches) bytes.copy(patched, at);
    // When it was made, to the second, is in the head.
    assert.ok(patched.subarray(60).equals(filed.subarray(60)), `pieces of ${pieceBytes} bytes`);
  }
});

test('is left as it is where it is not understood: cut off, of another kind or version, with something after it', () => {
  const version = Buffer.from(piped);
  version[6] = 99;
  const last = Buffer.concat([piped, Buffer.from('?')]);
  for (const other of [piped.subarray(0, -3), piped.subarray(0, 900), Buffer.from('-- SQL'), version, last])
    assert.equal(patchesOf(other, 65_536), []);
});

test('restores in parallel once it is patched', async () => {
  const path = join(temporaryFolder(), 'patched');
  for (const { at, bytes } of patchesOf(piped, 65_536)) bytes.copy(piped, at);
  writeFileSync(path, piped);
  const into = await postgres.createDatabase();
  execFileSync(requireTool('pg_restore'), ['-j2', '-d', into, path]);
  const [{ n }] = await query(into, 'SELECT count(*)::int AS n FROM "Odd one"."Größe"');
  assert.is(n, 5000);
});

test.run();
