import { command, EXIT, hint, OpsError, quoteIdentifier as q } from '@drydock/kit';
import type { Client } from 'pg';
import type { Pair } from './pair.ts';
import { type Roles, worksAs } from './roles.ts';

/** From this version on CREATEROLE alone opens no role: it takes ADMIN OPTION on each (PostgreSQL 16's release notes). */
const ADMIN_OPTION_SINCE = 160_000;

interface Rotator {
  name: string;
  version: number;
  isSuperuser: boolean;
  makesRoles: boolean;
  signals: boolean;
  sees: boolean;
  /** Of those asked for: it may hand them out and change them. */
  admin: string[];
  /** Of those asked for: it works in their name. */
  inherits: string[];
}

async function readRotator(client: Client, names: readonly string[]): Promise<Rotator> {
  const { rows } = await client.query<Rotator>(
    `SELECT current_user::text AS name, current_setting('server_version_num')::int AS version,
            rolsuper AS "isSuperuser", rolcreaterole AS "makesRoles",
            pg_has_role('pg_signal_backend', 'USAGE') AS signals, pg_has_role('pg_read_all_stats', 'USAGE') AS sees,
            ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1) AND pg_has_role(oid, 'MEMBER WITH ADMIN OPTION')) AS admin,
            ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1) AND pg_has_role(oid, 'USAGE')) AS inherits
       FROM pg_roles WHERE rolname = current_user`,
    [names],
  );
  return rows[0] as Rotator;
}

/** Throws, before anything is made, what the rotator's role lacks: one sentence, and the statement to type. */
export async function refuseWithoutRights(client: Client, roles: Roles, pair: Pair, variable: string): Promise<void> {
  const present = [pair.owner, ...pair.logins].filter((name) => roles.has(name));
  const rotator = await readRotator(client, present);
  if (rotator.isSuperuser) return;
  const superuser = present.find((name) => roles.get(name)?.isSuperuser);
  if (superuser) throw lacks(rotator, variable, `change ${superuser}, a superuser`, ['-- a superuser has to do it']);
  const needsAdmin = rotator.version >= ADMIN_OPTION_SINCE;
  if (needsAdmin && [pair.owner, ...pair.logins].includes(rotator.name)) throw itself(rotator, pair);
  const grants: string[] = [];
  if (!rotator.makesRoles) grants.push(`ALTER ROLE ${q(rotator.name)} CREATEROLE`);
  const admin = needsAdmin ? present.filter((name) => !rotator.admin.includes(name)) : [];
  if (admin.length > 0)
    grants.push(`GRANT ${admin.map(q).join(', ')} TO ${q(rotator.name)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`);
  const ofServer = [...(rotator.signals ? [] : ['pg_signal_backend']), ...(rotator.sees ? [] : ['pg_read_all_stats'])];
  if (ofServer.length > 0 && !pair.logins.every((name) => rotator.inherits.includes(name)))
    grants.push(`GRANT ${ofServer.join(', ')} TO ${q(rotator.name)}`);
  if (grants.length > 0) throw lacks(rotator, variable, `make, close and watch the logins of ${pair.owner}`, grants);
}

function lacks({ name }: Rotator, variable: string, what: string, grants: string[]): OpsError {
  return new OpsError({
    code: 'ROTATOR_LACKS_RIGHTS',
    message: `The role ${name} of ${variable} may not ${what}; nothing was made.`,
    hint: `As a superuser, or as who administers the roles: ${grants.join('; ')};`,
    exit: EXIT.refused,
  });
}

/** Who may administer a role is a member of it, and members make no circle. */
function itself({ name }: Rotator, { owner, logins }: Pair): OpsError {
  const rotator = q(`${owner}_rotator`);
  return new OpsError({
    code: 'ROTATOR_IS_THE_OWNER',
    message: `From PostgreSQL 16 on ${name} cannot change its own logins without being a superuser: it takes a rotator role beside them.`,
    hint: `CREATE ROLE ${rotator} LOGIN CREATEROLE PASSWORD '…'; GRANT ${[owner, ...logins].map(q).join(', ')} TO ${rotator} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE; GRANT pg_signal_backend, pg_read_all_stats TO ${rotator}; and name the variable with its URL in secrets.rotate: rotator.`,
    exit: EXIT.refused,
  });
}

/** Throws where the names are of no roles, or of one that must not be closed. */
export function refuseUnfit(roles: Roles, { owner, login }: Pair): void {
  for (const one of new Set([login, owner]))
    if (!roles.has(one))
      throw new OpsError({
        code: 'ROLE_MISSING',
        message: `The server has no role ${one}${one === owner && one !== login ? `, which would be the owner of ${login}` : ''}.`,
        hint: 'Name the two logins and their owner role in secrets.rotate: logins, owner.',
        exit: EXIT.usage,
      });
  if (roles.get(login)?.isSuperuser)
    throw new OpsError({
      code: 'LOGIN_IS_SUPERUSER',
      message: `${login} is a superuser: closing it could leave nobody who administers the server.`,
      hint: 'Give the product, and the operator, a role of their own first.',
      exit: EXIT.refused,
    });
}

/** Throws where they are not two logins that work as one owner yet. */
export function refuseUnpaired(roles: Roles, { owner, logins, login }: Pair, name: string): void {
  const notYet = logins.find((one) => {
    const role = roles.get(one);
    return !role || worksAs(role) !== owner;
  });
  if (notYet)
    throw new OpsError({
      code: 'SECRET_NOT_ADOPTED',
      message: `${login} is not one of two logins that work as ${owner} yet: ${notYet} ${roles.has(notYet) ? 'works as itself' : 'is missing'}.`,
      hint: hint`Look at what would be done: ${command('secrets:adopt', { plan: true }, name)}`,
      exit: EXIT.refused,
    });
}
