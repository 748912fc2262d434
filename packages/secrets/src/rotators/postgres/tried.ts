import { setTimeout as sleep } from 'node:timers/promises';
import { databaseOf, isDirect, OpsError, roleOf, type Secret, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import { rightsMissing } from './compare.ts';
import { newLoginRefused, poolersOwnLogin } from './errors.ts';
import { asking, errorOfServer } from './login.ts';
import type { Pair } from './pair.ts';
import { readRoles, worksAs } from './roles.ts';

/** SQLSTATE invalid_password, invalid_authorization_specification, insufficient_privilege, and protocol_violation: a pooler's word for a login that it does not know. */
const REFUSALS = new Set(['28P01', '28000', '42501', '08P01']);
const TRIES = 3;
const TRY_AGAIN_MS = 500;

/** By which two connections are known to lead to one server. */
export interface Server {
  /** Of its data, and so of all that was copied from it; null where it keeps that to itself. */
  id: string | null;
  started: string;
  isStandby: boolean;
}

interface Session extends Server {
  session: string;
  role: string;
}

/** Who a session is, and on which server, whatever address led there. */
export async function readSession(client: Client): Promise<Session> {
  const { rows } = await client.query<Omit<Session, 'id'> & { may: boolean }>(
    `SELECT session_user::text AS session, current_user::text AS role, extract(epoch FROM pg_postmaster_start_time())::text AS started,
            pg_is_in_recovery() AS "isStandby", has_function_privilege('pg_control_system()', 'EXECUTE') AS may`,
  );
  const { may, ...found } = rows[0] as Omit<Session, 'id'> & { may: boolean };
  if (!may) return { ...found, id: null };
  const { rows: control } = await client.query<{ id: string }>(
    'SELECT system_identifier::text AS id FROM pg_control_system()',
  );
  return { ...found, id: control[0]?.id ?? null };
}

/** Throws where they are two. A standby has its primary's roles; a server that was once copied has not. */
export function refuseOtherServer(variable: string, one: Server, other: Server): void {
  const known = one.id !== null && other.id !== null;
  if (known && one.id !== other.id) throw wrongServer(variable);
  if (one.started !== other.started && !one.isStandby && !other.isStandby) throw wrongServer(variable);
}

/**
 * The new login, tried through the very address that the product has: it gets in, works as the owner, on the server whose roles were changed, and may do
 * all that the old one may. Returns what was tried.
 */
export async function tryNew(
  variable: string,
  {
    old,
    next,
    pair,
    server,
    applicationName,
  }: { old: Secret; next: Secret; pair: Pair; server: Server; applicationName: string },
): Promise<string> {
  const { login, owner } = pair;
  // Of what is tried, which may be the one in use.
  const other = roleOf(next).user ?? '';
  if (databaseOf(old) !== databaseOf(next))
    throw new OpsError({
      code: 'ANOTHER_DATABASE',
      message: `${variable} leads to the database ${databaseOf(next)} with the new login, and to ${databaseOf(old)} with the old one.`,
      hint: 'It was given to another environment, or changed by hand since: put the address of before there.',
    });
  const check = async (client: Client) => {
    const found = await readSession(client);
    if (found.session !== other) throw poolersOwnLogin(variable, other, found.session);
    refuseOtherServer(variable, found, server);
    if (found.role !== owner)
      throw new OpsError({
        code: 'NEW_LOGIN_WORKS_AS_ITSELF',
        message: `${other} gets in, and works as ${found.role}, not as ${owner}: what it makes would not be ${owner}'s.`,
        hint: `Look at ALTER ROLE … SET role of ${other}, and at what the URL's options set.`,
      });
    const roles = await readRoles(client, [login]);
    const before = roles.get(login);
    const missing = before ? await rightsMissing(client, { of: worksAs(before), to: found.role }) : '';
    if (missing) throw lessRights(pair, missing);
    return `${variable}: ${other} gets in, works as ${owner}, and may all that ${login} may in ${databaseOf(next)}`;
  };
  for (let tried = 1; ; tried++) {
    try {
      return await asking(`Whether ${other} gets in by ${variable}`, () => withPostgres(next, applicationName, check));
    } catch (error) {
      const { code, message } = errorOfServer(error);
      if (!(error instanceof OpsError) || !code || !REFUSALS.has(code)) throw error;
      // A standby hears of a role a moment later than its primary.
      if (tried === TRIES)
        throw newLoginRefused(variable, other, `${message} (${code})`, await isPooled(old, applicationName));
      await sleep(TRY_AGAIN_MS);
    }
  }
}

/** Whether a URL that works leads to a pooler; one that does not tells nothing. */
export async function isPooled(url: Secret, applicationName: string): Promise<boolean> {
  return withPostgres(url, applicationName, async (client) => !(await isDirect(client))).catch(() => false);
}

export function lessRights({ owner, login }: Pair, missing: string): OpsError {
  return new OpsError({
    code: 'OWNER_LACKS_RIGHTS',
    message: `${owner} may not do all that ${login} may: ${missing}.`,
    hint: `Give it to ${owner}, which both logins work as: GRANT … TO, or, for what ${login} owns, REASSIGN OWNED BY … TO.`,
  });
}

function wrongServer(variable: string): OpsError {
  return new OpsError({
    code: 'ANOTHER_SERVER',
    message: `${variable} leads to another server than the one whose roles are changed: nothing made there would be valid here.`,
    hint: 'Let secrets.rotate name the rotator of this very server (rotator).',
  });
}
