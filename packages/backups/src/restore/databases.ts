import { OpsError, quoteIdentifier as q, type Secret, withDatabase, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';

/** How a database was made, and what it was given: a restored one is made the same. */
export interface DatabaseFacts {
  encoding: string;
  collate: string;
  ctype: string;
  owner: string;
  /** `name=value`, as ALTER DATABASE … SET keeps them. */
  settings: string[];
  grants: { grantee: string; privilege: string }[];
}

/** A session on the server that is on none of the databases that are moved. */
export function onServer<T>(url: Secret, use: (client: Client) => Promise<T>): Promise<T> {
  return withPostgres(withDatabase(url, 'postgres'), 'drydock db:restore', use);
}

export async function exists(client: Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
  return rowCount === 1;
}

export async function commentOf(client: Client, name: string): Promise<string | null> {
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`,
    [name],
  );
  return rows[0]?.comment ?? null;
}

export async function factsOf(client: Client, name: string): Promise<DatabaseFacts | undefined> {
  const { rows } = await client.query<DatabaseFacts>(
    `SELECT pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype, r.rolname AS owner,
            coalesce((SELECT to_json(s.setconfig) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole = 0), '[]') AS settings,
            coalesce((SELECT json_agg(json_build_object('grantee', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, 'privilege', a.privilege_type))
                        FROM aclexplode(d.datacl) a WHERE a.grantee <> d.datdba), '[]') AS grants
       FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = $1`,
    [name],
  );
  return rows[0];
}

/** Makes it anew, empty, with the locale of `like`. The name has a run in it: what is there was left by a kill. */
export async function makeDatabase(
  client: Client,
  name: string,
  like: Pick<DatabaseFacts, 'encoding' | 'collate' | 'ctype'> | undefined,
): Promise<void> {
  await dropDatabase(client, name);
  const locale = like
    ? ` ENCODING ${client.escapeLiteral(like.encoding)} LC_COLLATE ${client.escapeLiteral(like.collate)} LC_CTYPE ${client.escapeLiteral(like.ctype)}`
    : '';
  try {
    await client.query(`CREATE DATABASE ${q(name)} TEMPLATE template0${locale}`);
  } catch (cause) {
    if ((cause as { code?: string }).code !== '42501') throw cause;
    throw new OpsError({
      code: 'NO_CREATEDB',
      message: `The role may not make the database ${name}: ${(cause as Error).message}.`,
      hint: 'Grant it: ALTER ROLE … CREATEDB',
      cause,
    });
  }
}

export async function dropDatabase(client: Client, name: string): Promise<void> {
  await client.query(`DROP DATABASE IF EXISTS ${q(name)} WITH (FORCE)`);
}

export function taken(name: string): OpsError {
  return new OpsError({
    code: 'DATABASE_TAKEN',
    message: `The database ${name} is there already.`,
    hint: 'Choose another name with --to, or drop it yourself.',
  });
}

/** Settings and grants of the database itself, which a dump of its content does not hold. */
export async function dressLike(client: Client, name: string, like: DatabaseFacts): Promise<void> {
  for (const setting of like.settings) {
    const at = setting.indexOf('=');
    await client.query(
      `ALTER DATABASE ${q(name)} SET ${q(setting.slice(0, at))} = ${client.escapeLiteral(setting.slice(at + 1))}`,
    );
  }
  const mine = await client.query<{ me: string }>('SELECT current_user AS me');
  await client.query(`REVOKE ALL ON DATABASE ${q(name)} FROM PUBLIC`);
  for (const { grantee, privilege } of like.grants)
    await client.query(`GRANT ${privilege} ON DATABASE ${q(name)} TO ${grantee}`);
  if (like.owner !== mine.rows[0]?.me) await client.query(`ALTER DATABASE ${q(name)} OWNER TO ${q(like.owner)}`);
}
