import { createHash } from 'node:crypto';
import type { Finding } from '@drydock/kit';
import type { Client } from 'pg';
import { ObjectsSum } from '../archive/line-sum.ts';
import { sumLargeObjects } from '../dump/checksums.ts';
import type { Manifest } from '../manifest.ts';

type Objects = NonNullable<Manifest['largeObjects']>;

/** Whether the large objects are those of the backup. `passed` is what the dump told of them, where their bytes are not read again. */
export async function compareLargeObjects(client: Client, manifest: Manifest, passed?: Objects): Promise<Finding[]> {
  const { largeObjects: expected, format } = manifest;
  if (!expected) return [];
  const there = await (format === 1
    ? sumLargeObjects(client)
    : passed
      ? countOf(client).then((count) => ({ count, checksum: passed.checksum }))
      : readLargeObjects(client));
  if (there.count === expected.count && there.checksum === expected.checksum) return [];
  const message = `${there.count} large objects are there, or not the same; the backup has ${expected.count}.`;
  return [{ level: 'error', code: 'LARGE_OBJECTS_DIFFER', message }];
}

async function countOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ n: number }>('SELECT count(*)::float8 AS n FROM pg_largeobject_metadata');
  return rows[0]?.n ?? 0;
}

/** Some at a time, each a piece at a time: one may have terabytes. */
const [AT_ONCE, PIECE_BYTES] = [200, 64 << 10];

export async function readLargeObjects(client: Client): Promise<Objects> {
  const sum = new ObjectsSum();
  for (let last = '0'; ; ) {
    const { rows } = await client.query<{ oid: string; bytes: Buffer }>(
      `SELECT oid::text AS oid, lo_get(oid, 0, $2) AS bytes FROM pg_largeobject_metadata WHERE oid > $1::oid ORDER BY pg_largeobject_metadata.oid LIMIT $3`,
      [last, PIECE_BYTES, AT_ONCE],
    );
    for (const { oid, bytes } of rows) sum.add(Number(oid), await digestOf(client, oid, bytes));
    last = rows.at(-1)?.oid ?? last;
    if (rows.length < AT_ONCE) return sum.result();
  }
}

async function digestOf(client: Client, oid: string, first: Buffer): Promise<string> {
  const hash = createHash('sha256');
  let at = 0;
  for (let bytes = first; bytes.length > 0; ) {
    hash.update(bytes);
    at += bytes.length;
    if (bytes.length < PIECE_BYTES) break;
    const { rows } = await client.query<{ bytes: Buffer }>('SELECT lo_get($1::oid, $2::bigint, $3) AS bytes', [
      oid,
      at,
      PIECE_BYTES,
    ]);
    bytes = rows[0]?.bytes ?? Buffer.alloc(0);
  }
  return hash.digest('hex');
}
