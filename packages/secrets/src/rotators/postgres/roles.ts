import { inTransaction, OpsError, quoteIdentifier as q, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import type { Pair } from './pair.ts';

/** A role as everybody may see it: nothing here reads pg_authid, which managed servers keep to themselves. */
export interface Role {
  name: string;
  canLogin: boolean;
  isSuperuser: boolean;
  connections: number;
  /** Roles that it is a member of by itself. */
  memberOf: string[];
  settings: Setting[];
}

interface Setting {
  /** Where it holds; null: everywhere. */
  database: string | null;
  name: string;
  value: string;
}

export type Roles = ReadonlyMap<string, Role>;

/** Those of the names that there are. */
export async function readRoles(client: Client, names: readonly string[]): Promise<Roles> {
  const { rows } = await client.query<Omit<Role, 'settings'> & { settings: [string | null, string][] }>(
    `SELECT r.rolname AS name, r.rolcanlogin AS "canLogin", r.rolsuper AS "isSuperuser", r.rolconnlimit AS connections,
            ARRAY(SELECT pg_get_userbyid(m.roleid)::text FROM pg_auth_members m WHERE m.member = r.oid) AS "memberOf",
            coalesce((SELECT json_agg(json_build_array(d.datname, setting))
                        FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS setting LEFT JOIN pg_database d ON d.oid = s.setdatabase
                       WHERE s.setrole = r.oid), '[]') AS settings
       FROM pg_roles r WHERE r.rolname = ANY ($1)`,
    [names],
  );
  return new Map(rows.map((row) => [row.name, { ...row, settings: row.settings.map(asSetting) }]));
}

function asSetting([database, text]: [string | null, string]): Setting {
  const at = text.indexOf('=');
  return { database, name: text.slice(0, at), value: text.slice(at + 1) };
}

/** The role that a session of this login works as. */
export function worksAs({ name, settings }: Role): string {
  return settings.find((one) => one.database === null && one.name === 'role')?.value ?? name;
}

/**
 * What makes `login` a twin of the one that is in use: member of the owner, working as it, with the settings and the limit of the other, which belong to a
 * login and are not inherited. Only what is not so already.
 */
export function twinStatements(client: Client, roles: Roles, { owner }: Pair, login: string, model: string): string[] {
  const name = q(login);
  const found = roles.get(login);
  const wanted = roles.get(model);
  const has = found?.settings ?? [];
  const wants = (wanted?.settings ?? []).filter(({ name: setting }) => setting !== 'role');
  const missing = wants.filter((one) => !has.some((other) => sameSetting(one, other) && one.value === other.value));
  const extra = has.filter((one) => one.name !== 'role' && !wants.some((other) => sameSetting(one, other)));
  return [
    ...(found ? [] : [`CREATE ROLE ${name} NOLOGIN`]),
    ...(found?.memberOf.includes(owner) ? [] : [`GRANT ${q(owner)} TO ${name}`]),
    ...(found && worksAs(found) === owner ? [] : [`ALTER ROLE ${name} SET role TO ${client.escapeLiteral(owner)}`]),
    ...missing.flatMap((one) => setStatements(client, name, one)),
    ...extra.map(({ database, name: setting }) => `ALTER ROLE ${name}${inDatabase(database)} RESET ${q(setting)}`),
    ...((found?.connections ?? -1) === (wanted?.connections ?? -1)
      ? []
      : [`ALTER ROLE ${name} CONNECTION LIMIT ${wanted?.connections ?? -1}`]),
  ];
}

export function openStatement(client: Client, login: string, verifier: Secret): string {
  return `ALTER ROLE ${q(login)} LOGIN PASSWORD ${client.escapeLiteral(verifier.reveal())} VALID UNTIL 'infinity'`;
}

export function closeStatement(login: string): string {
  return `ALTER ROLE ${q(login)} NOLOGIN PASSWORD NULL`;
}

const sameSetting = (one: Setting, other: Setting) => one.database === other.database && one.name === other.name;
const inDatabase = (database: string | null) => (database === null ? '' : ` IN DATABASE ${q(database)}`);

/** Lists of names, kept as they are written: a literal would be one name (PostgreSQL's GUC_LIST_QUOTE; pg_dump has the same list). */
const LISTS = new Set(['search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries']);

function setStatements(client: Client, role: string, { database, name, value }: Setting): string[] {
  const target = `ALTER ROLE ${role}${inDatabase(database)} SET ${q(name)}`;
  if (!LISTS.has(name)) return [`${target} TO ${client.escapeLiteral(value)}`];
  return [`SELECT set_config('${name}', ${client.escapeLiteral(value)}, true)`, `${target} FROM CURRENT`];
}

/** All of them or none. What the server says of one is told in its own words; no statement is, which may hold a verifier. */
export async function changeRoles(client: Client, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return;
  await inTransaction(client, async () => {
    for (const statement of statements)
      await client.query(statement).catch((cause) => refusedByServer(statement, cause));
  });
}

function refusedByServer(statement: string, cause: unknown): never {
  const { message, hint, code } = cause as { message: string; hint?: string; code?: string };
  if (!code || !/^[0-9A-Z]{5}$/.test(code)) throw cause;
  throw new OpsError({
    code: 'ROLE_REFUSED',
    message: `PostgreSQL refuses "${shownStatement(statement)}": ${message} (${code}). Nothing was changed.`,
    hint: hint ?? 'Mend what it says, and run it again.',
    cause,
  });
}

/** As people may see it. */
export function shownStatement(statement: string): string {
  return statement.replace(/PASSWORD E?'[^']*'/, "PASSWORD '…'");
}
