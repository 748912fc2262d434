import {
  type CopySource,
  copySource,
  dropDatabase,
  makeDatabase as makeEmpty,
  mayMakeDatabases,
  noCreatedb,
  OpsError,
  type Secret,
  type TaskContext,
  withServer,
} from '@drydock/kit';
import type { Client } from 'pg';
import type { Properties } from './properties.ts';

/** A session on the server that is in none of the databases that are moved, where there is another one. */
export function onServer<T>(url: Secret, use: (client: Client) => Promise<T>): Promise<T> {
  return withServer(url, 'drydock db:restore', use);
}

/** PostgreSQL cuts names off here. */
const NAME_BYTES = 63;

/** Of what a run makes or keeps: it has the run in it. */
export function named(live: string, what: string, run: string): string {
  const tail = `_${what}_${run.toLowerCase()}`;
  let head = live;
  while (Buffer.byteLength(head) > NAME_BYTES - tail.length) head = [...head].slice(0, -1).join('');
  return `${head}${tail}`;
}

/** The OID of a database, which stays the same whatever its name becomes; undefined if there is none of that name. */
export async function oidOf(client: Client, name: string): Promise<number | undefined> {
  const { rows } = await client.query<{ oid: number }>('SELECT oid FROM pg_database WHERE datname = $1', [name]);
  return rows[0]?.oid;
}

export async function exists(client: Client, name: string): Promise<boolean> {
  return (await oidOf(client, name)) !== undefined;
}

/** PostgreSQL 15 is the first that has more than one. */
const PROVIDERS_SINCE = 150_000;

/**
 * Makes it anew, empty, of the encoding, provider and locale of `create`. The name has a run in it: what is there was
 * left by a kill. Returns its OID.
 */
export async function makeDatabase(
  client: Client,
  name: string,
  create: Properties['create'],
  source: CopySource,
): Promise<number> {
  await dropDatabase(client, name, { evenTemplate: true });
  const options = await optionsFor(client, create ?? new Map());
  try {
    await makeEmpty(client, name, options, source);
  } catch (cause) {
    const { code, message } = cause as Error & { code?: string };
    throw cause instanceof OpsError || !code ? cause : cannotMake(name, message, cause);
  }
  const oid = await oidOf(client, name);
  if (oid === undefined) throw new Error(`a database ${name}`);
  return oid;
}

/** Said before hours of reading, and while nothing is begun. */
export async function refuseNoDatabase(
  client: Client,
  { config, environment }: Pick<TaskContext, 'config' | 'environment'>,
  name: string,
): Promise<void> {
  if (!(await mayMakeDatabases(client, copySource(config, environment)))) throw await noCreatedb(client, name);
}

function cannotMake(name: string, why: string, cause: unknown): OpsError {
  return new OpsError({
    code: 'DATABASE_NOT_MADE',
    message: `The database ${name} cannot be made here as it was there: ${why}.`,
    hint: 'Install what it names on the server (a locale, ICU), then run it again.',
    cause,
  });
}

/** The provider is always named: what it is otherwise is that of the server, not that of the backup. */
export async function optionsFor(client: Client, create: NonNullable<Properties['create']>): Promise<string> {
  const { rows } = await client.query<{ version: number; spaces: string[] }>(
    `SELECT current_setting('server_version_num')::int AS version, array_agg(spcname::text) AS spaces FROM pg_tablespace`,
  );
  const { version = 0, spaces = [] } = rows[0] ?? {};
  const options = new Map(create);
  options.delete('template');
  if (version < PROVIDERS_SINCE && options.get('locale_provider') === 'libc') options.delete('locale_provider');
  else if (version >= PROVIDERS_SINCE && options.size > 0 && !options.has('locale_provider'))
    options.set('locale_provider', 'libc');
  // On another server a tablespace is a folder that it need not have.
  if (!spaces.includes(String(options.get('tablespace')))) options.delete('tablespace');
  return [...options]
    .map(([name, value]) => ` ${name} ${typeof value === 'number' ? value : client.escapeLiteral(value)}`)
    .join('');
}

export function taken(name: string): OpsError {
  return new OpsError({
    code: 'DATABASE_TAKEN',
    message: `The database ${name} is there already.`,
    hint: 'Choose another name with --to, or drop it yourself.',
  });
}
