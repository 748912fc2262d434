import { connectPostgres, databaseOf, OpsError, quoteIdentifier as q, type Secret, withDatabase } from '@drydock/kit';
import type { Client } from 'pg';
import { ulid } from 'ulid';
import { copyAll, copyStructure } from './copy.ts';
import { copySample } from './sample.ts';

const PREFIX = 'drydock_scratch_';
/** SQLSTATE object_in_use: somebody is connected to the database that should be the template. */
const IN_USE = '55006';
const NO_CREATEDB = '42501';

/** What the scratch database is to hold. `copy` is whole where that is free, and otherwise the structure. */
export type Content = 'copy' | 'schema' | 'sample' | 'full' | 'empty' | Filler;
/** Fills an empty database with something else: a backup. */
export type Filler = (empty: Secret) => Promise<void>;
/** What it came to hold: the whole (`template`, `full`, `backup`), a sample of the rows, or none. `replay`: made anew. */
export type Copy = 'template' | 'full' | 'backup' | 'sample' | 'schema' | 'replay' | 'empty';

export interface Scratch {
  url: Secret;
  copy: Copy;
}

/**
 * A copy of the target (or an empty database beside it) that is dropped when `use` ends. A session holds a lock named
 * after it, so that the next run can tell a copy in use from one that a kill left behind, and sweeps the latter.
 * `replay` makes the structure where `copy` was wanted and pg_dump is older than the server.
 */
export async function withScratch<T>(
  target: Secret,
  use: (scratch: Scratch) => Promise<T>,
  content: Content = 'copy',
  replay?: Filler,
): Promise<T> {
  const name = `${PREFIX}${ulid().toLowerCase()}`;
  // Not on the target, if it can be helped: a session there would be in the way of copying it whole.
  const owner = await connectPostgres(withDatabase(target, 'postgres'), name).catch(() =>
    connectPostgres(target, name),
  );
  try {
    await owner.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
    await sweepScratches(owner);
    const url = withDatabase(target, name);
    try {
      const copy = await makeCopy(owner, { target, url, content, replay });
      return await use({ url, copy });
    } finally {
      await owner.query(`DROP DATABASE IF EXISTS ${q(name)} WITH (FORCE)`);
    }
  } finally {
    await owner.end();
  }
}

/** Drops copies whose maker is gone. Returns their names. */
export async function sweepScratches(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database WHERE datname LIKE $1 AND pg_catalog.pg_get_userbyid(datdba) = current_user`,
    [`${PREFIX.replaceAll('_', '\\_')}%`],
  );
  const swept: string[] = [];
  for (const { name } of rows) {
    const { rows: got } = await client.query<{ free: boolean }>('SELECT pg_try_advisory_lock(hashtext($1)) AS free', [
      name,
    ]);
    if (!got[0]?.free) continue;
    try {
      // Our own copy does not exist yet, and locks of this session are granted again: only others' are free here.
      await client.query(`DROP DATABASE IF EXISTS ${q(name)} WITH (FORCE)`);
      swept.push(name);
    } finally {
      await client.query('SELECT pg_advisory_unlock(hashtext($1))', [name]);
    }
  }
  return swept;
}

interface Wish {
  target: Secret;
  url: Secret;
  content: Content;
  replay: Filler | undefined;
}

async function makeCopy(owner: Client, { target, url, content, replay }: Wish): Promise<Copy> {
  const [from, name] = [databaseOf(target), databaseOf(url)];
  try {
    const whole = content === 'copy' || content === 'full';
    if (whole && (await copiedWhole(owner, from, name, content === 'full'))) return 'template';
    await owner.query(`CREATE DATABASE ${q(name)} TEMPLATE template0`);
  } catch (error) {
    if ((error as { code?: string }).code !== NO_CREATEDB) throw error;
    throw new OpsError({
      code: 'NO_CREATEDB',
      message: `The role of ${target.label} may not make the scratch database for the rehearsal: ${(error as Error).message}.`,
      hint: 'Grant it: ALTER ROLE … CREATEDB',
      cause: error,
    });
  }
  if (typeof content === 'function') {
    await content(url);
    return 'backup';
  }
  if (content === 'empty') return 'empty';
  if (content === 'full') await copyAll(target, url);
  else if (content === 'sample') await copySample(target, url);
  else return copyOrReplay(target, url, content === 'copy' ? replay : undefined);
  return content;
}

async function copyOrReplay(target: Secret, url: Secret, replay: Filler | undefined): Promise<Copy> {
  try {
    await copyStructure(target, url);
    return 'schema';
  } catch (error) {
    if (!replay || (error as OpsError).code !== 'PG_DUMP_TOO_OLD') throw error;
    await replay(url);
    return 'replay';
  }
}

/** Above this size a copy is only made when it is asked for: it takes the disk of the live database. */
const FREE_COPY_BYTES = 20 * 1_024 ** 3;

/** Only a database that nobody is connected to can be a template; asked first, since PostgreSQL waits 5 s before it says no. */
async function copiedWhole(owner: Client, database: string, name: string, asked: boolean): Promise<boolean> {
  const { rows } = await owner.query<{ busy: boolean; bytes: number }>(
    `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = $1) AS busy, pg_database_size($1)::float8 AS bytes`,
    [database],
  );
  if (rows[0]?.busy || (!asked && (rows[0]?.bytes ?? 0) > FREE_COPY_BYTES)) return false;
  try {
    await owner.query(`CREATE DATABASE ${q(name)} TEMPLATE ${q(database)}`);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== IN_USE) throw error;
    return false;
  }
}
