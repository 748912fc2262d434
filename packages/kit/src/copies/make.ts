import type { Client } from 'pg';
import { EXIT, OpsError, usageError } from '../errors.ts';
import { quoteIdentifier as q } from '../postgres.ts';
import { withServer } from '../server-door.ts';
import type { CopySource } from './source.ts';
import { IN_USE, NO_SUCH_DATABASE, NOT_ALLOWED, sqlStateOf, UNFIT } from './sql-state.ts';

/** Each of them waits 5 s for who is connected to the template. */
const ATTEMPTS = 4;

/**
 * Makes a database for a copy: empty, or with the extensions of `database.scratch.template`. `options` as `localeOf` gives them. Where the
 * operator's role may make none, the role of `database.scratch.url` makes it for that one.
 */
export async function makeDatabase(client: Client, name: string, options: string, source: CopySource): Promise<void> {
  const { template = 'template0', maker } = source;
  const sql = (owner: string) => `CREATE DATABASE ${q(name)}${owner} TEMPLATE ${q(template)}${options}`;
  try {
    await patiently(() => client.query(sql('')));
  } catch (cause) {
    if (sqlStateOf(cause) !== NOT_ALLOWED || !maker) throw await explained(client, cause, name, options, source);
    const role = await currentRole(client);
    await withServer(maker, 'drydock copy', (made) =>
      patiently(() => made.query(sql(` OWNER ${q(role)}`))).catch(async (error) => {
        throw await explained(made, error, name, options, source);
      }),
    );
  }
}

/** What the role of a session is called. */
export async function currentRole(client: Client): Promise<string> {
  const { rows } = await client.query<{ role: string }>('SELECT current_user::text AS role');
  return rows[0]?.role ?? '';
}

/** May the operator's role, or the one of `database.scratch.url`, make databases? Asked before anything is begun. */
export async function mayMakeDatabases(client: Client, { maker }: CopySource): Promise<boolean> {
  if (maker) return true;
  const { rows } = await client.query<{ may: boolean }>(
    'SELECT rolsuper OR rolcreatedb AS may FROM pg_roles WHERE rolname = current_user',
  );
  return rows[0]?.may ?? false;
}

/** In one sentence, with what to type. */
export async function noCreatedb(client: Client, name?: string, cause?: unknown): Promise<OpsError> {
  const role = await currentRole(client);
  return new OpsError({
    code: 'NO_CREATEDB',
    message: `The role ${role} may not make ${name ? `the database ${name}` : 'a database, and a copy is one beside the target'}.`,
    hint: `As a superuser: ALTER ROLE ${q(role)} CREATEDB; or put the URL of a role that may make databases into the variable of database.scratch.url.`,
    // Nothing was begun: a copy comes before all else.
    exit: EXIT.usage,
    cause,
  });
}

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++)
    try {
      return await work();
    } catch (error) {
      if (sqlStateOf(error) !== IN_USE || attempt >= ATTEMPTS) throw error;
    }
}

/** The server's refusal, with what to type; anything else as it is. */
async function explained(
  client: Client,
  cause: unknown,
  name: string,
  options: string,
  { template }: CopySource,
): Promise<unknown> {
  const [code, message] = [sqlStateOf(cause), (cause as Error).message];
  if (code === NOT_ALLOWED && !(await mayMakeDatabases(client, {}))) return noCreatedb(client, name, cause);
  if (!template) return code === NOT_ALLOWED ? noCreatedb(client, name, cause) : cause;
  if (code === NO_SUCH_DATABASE)
    return usageError(
      'SCRATCH_TEMPLATE_MISSING',
      `database.scratch.template names ${template}, which the server does not have.`,
      `As a superuser: ${createTemplate(template, options)}`,
    );
  if (code === NOT_ALLOWED)
    return new OpsError({
      code: 'SCRATCH_TEMPLATE_CLOSED',
      message: `The role ${await currentRole(client)} may not copy ${template}, which database.scratch.template names.`,
      hint: `As a superuser: ALTER DATABASE ${q(template)} IS_TEMPLATE true;`,
      cause,
    });
  if (code === IN_USE)
    return new OpsError({
      code: 'SCRATCH_TEMPLATE_BUSY',
      message: `${template}, which database.scratch.template names, has sessions in it and cannot be copied: ${message}.`,
      hint: `End them, and let nobody in: ALTER DATABASE ${q(template)} ALLOW_CONNECTIONS false;`,
      cause,
    });
  if (code === UNFIT)
    return new OpsError({
      code: 'SCRATCH_TEMPLATE_UNFIT',
      message: `A copy cannot be made of ${template}, which database.scratch.template names: ${message}.`,
      hint: `Make it like the database that is copied. As a superuser: ${createTemplate(template, options)}`,
      cause,
    });
  return cause;
}

/** What a superuser types, once, in psql. */
export function createTemplate(template: string, options: string): string {
  return `CREATE DATABASE ${q(template)} TEMPLATE template0 IS_TEMPLATE true${options};`;
}
