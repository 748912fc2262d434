import { spawn } from 'node:child_process';
import { connectPostgres, libpqEnv, OpsError, quoteIdentifier as q, requireTool, Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { ulid } from 'ulid';

const PREFIX = 'drydock_scratch_';
/** SQLSTATE object_in_use: somebody is connected to the database that should be the template. */
const IN_USE = '55006';
const NO_CREATEDB = '42501';

export interface Scratch {
  url: Secret;
  /** How it was made: a whole copy, the structure alone, or empty. */
  copy: 'template' | 'schema' | 'empty';
}

/**
 * A copy of the target (or an empty database beside it) that is dropped when `use` ends. A session holds a lock named after it, so that the next run can
 * tell a copy in use from one that a kill left behind, and sweeps the latter.
 */
export async function withScratch<T>(
  target: Secret,
  use: (scratch: Scratch) => Promise<T>,
  content: 'copy' | 'empty' = 'copy',
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
    const copy = await makeCopy(owner, target, url, name, content);
    try {
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

async function makeCopy(
  owner: Client,
  target: Secret,
  url: Secret,
  name: string,
  content: 'copy' | 'empty',
): Promise<Scratch['copy']> {
  const database = decodeURIComponent(new URL(target.reveal()).pathname.slice(1));
  try {
    if (content === 'copy' && (await copiedWhole(owner, database, name))) return 'template';
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
  if (content === 'empty') return 'empty';
  await copySchema(target, url);
  return 'schema';
}

/** Only a database that nobody is connected to can be a template; asked first, since PostgreSQL waits 5 s before it says no. */
async function copiedWhole(owner: Client, database: string, name: string): Promise<boolean> {
  const { rowCount } = await owner.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1 LIMIT 1', [database]);
  if (rowCount !== 0) return false;
  try {
    await owner.query(`CREATE DATABASE ${q(name)} TEMPLATE ${q(database)}`);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== IN_USE) throw error;
    return false;
  }
}

/** Structure of everything, and the rows of Prisma's history. */
async function copySchema(from: Secret, to: Secret): Promise<void> {
  await pipe(dump(from, ['--schema-only']), restore(to));
  await pipe(dump(from, ['--data-only', '--table=_prisma_migrations']), restore(to));
}

type Child = ReturnType<typeof spawn>;

function dump(url: Secret, args: string[]): Child {
  return spawn(requireTool('pg_dump'), ['--no-owner', '--no-privileges', '--no-comments', ...args], {
    env: libpqEnv(url, process.env.PATH),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function restore(url: Secret): Child {
  return spawn(requireTool('psql'), ['-X', '-q', '-v', 'ON_ERROR_STOP=0'], {
    env: libpqEnv(url, process.env.PATH),
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}

async function pipe(source: Child, sink: Child): Promise<void> {
  let said = '';
  source.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  sink.stderr?.resume();
  if (source.stdout && sink.stdin) source.stdout.pipe(sink.stdin);
  const [code] = await Promise.all(
    [source, sink].map(
      (child) => new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done)),
    ),
  );
  // A target without a history has no such table to dump; everything else is a failure.
  if (code !== 0 && !said.includes('no matching tables')) {
    throw new OpsError({
      code: 'COPY_FAILED',
      message: `The structure of the target could not be copied: ${said.trim().split('\n')[0]}.`,
      hint: 'pg_dump must not be older than the server: npm run doctor',
    });
  }
}

function withDatabase(url: Secret, name: string): Secret {
  const changed = new URL(url.reveal());
  changed.pathname = `/${encodeURIComponent(name)}`;
  return new Secret(changed.href, url.label);
}
