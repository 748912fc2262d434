import { OpsError, type Secret, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import { type Given, readGiven } from '../dump/given.ts';
import type { Manifest } from '../manifest.ts';
import { exists } from './databases.ts';
import { mayLeaveOut, type Refused, refuseRefused } from './dress.ts';

interface Wish {
  /** Of the database that it is to become. */
  name: string;
  inPlace: boolean;
  table: string | undefined;
  noOwner: boolean;
  skipRefused: boolean;
  accept: string[];
}

/** What the role may not put on or make: refused before the hours, or told where it is to go on without. */
export async function foreseeRefused(
  client: Client,
  url: Secret,
  manifest: Manifest | undefined,
  wish: Wish,
): Promise<string[]> {
  if (wish.table) return [];
  const { name, inPlace } = wish;
  const live = inPlace && (await exists(client, name)) ? await givenTo(url) : undefined;
  const given = live ?? manifest?.given;
  if (!given) return [];
  // In place the live one's settings stay; what of objects a superuser made is the backup's.
  const superusers = manifest?.given?.superusers ?? [];
  const refused = await beyondUs(
    client,
    { ...given, superusers },
    { database: live ? name : (manifest?.database ?? name), owner: !live && !wish.noOwner, beside: !inPlace },
  );
  const left = refused.filter(({ what }) => !wish.accept.includes(what));
  if (!mayLeaveOut(wish)) refuseRefused(left);
  return left.map(({ what, why }) => `without ${what} (${why})`);
}

/** Undefined where it lets nobody in: then those of the backup are put on. */
async function givenTo(url: Secret): Promise<Given | undefined> {
  try {
    return await withPostgres(url, 'drydock db:restore', readGiven);
  } catch (error) {
    if (error instanceof OpsError) return undefined;
    throw error;
  }
}

interface Me {
  name: string;
  super: boolean;
  createrole: boolean;
  version: number;
}

/**
 * What of all that a database was given this role may not give, by what the server says of the two: told with the plan. The statements
 * themselves are tried on before a row is read, which is what counts. `owner`: the new one is to be whose the other was.
 */
async function beyondUs(
  client: Client,
  given: Given,
  { database, owner, beside }: { database: string; owner: boolean; beside: boolean },
): Promise<Refused[]> {
  const { rows } = await client.query<Me>(
    `SELECT rolname::text AS name, rolsuper AS super, rolcreaterole AS createrole, current_setting('server_version_num')::int AS version
       FROM pg_roles WHERE rolname = current_user`,
  );
  const [me] = rows;
  if (!me || me.super) return [];
  const superusers = given.superusers.filter((what) => !beside || !what.startsWith('PUBLICATION '));
  return [
    ...(owner && !(await mayAct(client, me, given.owner))
      ? [{ what: `ALTER DATABASE ${database} OWNER TO ${given.owner}`, why: `must be able to SET ROLE ${given.owner}` }]
      : []),
    ...(await refusedSettings(client, me, given.settings)).map((setting) => ({
      what: `ALTER DATABASE ${database} SET ${shown(setting)}`,
      why: `permission denied to set parameter "${setting}"`,
    })),
    ...(await refusedRoles(client, me, database, given.roleSettings)),
    ...superusers.map((what) => ({ what, why: 'only a superuser may make it' })),
  ];
}

async function mayAct(client: Client, { version }: Me, role: string): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    'SELECT pg_has_role(oid, $2) AS may FROM pg_roles WHERE rolname = $1',
    [role, version >= SET_SINCE ? 'SET' : 'MEMBER'],
  );
  // One that is not here is another sentence.
  return rows[0]?.may ?? true;
}

/** The first versions with SET as a right of its own, and with rights on parameters. */
const SET_SINCE = 160_000;
const PARAMETERS_SINCE = 150_000;

/** A name that the server does not know is a product's own: it may hold what a superuser relies on. */
async function refusedSettings(client: Client, { version }: Me, settings: string[]): Promise<string[]> {
  const may = version >= PARAMETERS_SINCE ? `has_parameter_privilege(name, 'SET')` : 'false';
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM unnest($1::text[]) AS name LEFT JOIN pg_settings s USING (name)
      WHERE (s.context IS NULL OR s.context IN ('superuser', 'superuser-backend')) AND NOT ${may}`,
    [settings],
  );
  return rows.map(({ name }) => name);
}

async function refusedRoles(client: Client, me: Me, database: string, all: Given['roleSettings']): Promise<Refused[]> {
  const ofOthers = all.filter(({ role }) => role !== null && role !== me.name);
  const admin = me.version >= SET_SINCE ? `AND pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')` : '';
  const { rows } = await client.query<{ role: string }>(
    `SELECT rolname::text AS role FROM pg_roles r WHERE rolname = ANY ($1) AND NOT ($2 AND NOT rolsuper ${admin})`,
    [ofOthers.map(({ role }) => role), me.createrole],
  );
  const refused = new Set(rows.map(({ role }) => role));
  return ofOthers
    .filter(({ role }) => role !== null && refused.has(role))
    .map(({ role, setting }) => ({
      what: `ALTER ROLE ${role} IN DATABASE ${database} SET ${shown(setting)}`,
      why: `the role ${me.name} may not change ${role}`,
    }));
}

/** As pg_dump writes it: `"app.key"`. */
function shown(setting: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(setting) ? setting : `"${setting}"`;
}
