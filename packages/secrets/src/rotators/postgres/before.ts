import { databaseSection, roleOf, usageError, withPostgres } from '@drydock/kit';
import type { Values } from '../../values.ts';
import type { RotatorContext } from '../types.ts';
import { rightsMissing } from './compare.ts';
import type { PostgresSecret } from './config.ts';
import { loginInUse, poolersOwnLogin, sameLoginElsewhere } from './errors.ts';
import { asking } from './login.ts';
import { type Pair, passwordIn, urlIn } from './pair.ts';
import type { Reach } from './reach.ts';
import { refuseUnfit, refuseUnpaired, refuseWithoutRights } from './rights.ts';
import { changeRoles, twinStatements } from './roles.ts';
import { sessionsOf } from './sessions.ts';
import { lessRights, readSession, refuseOtherServer, type Server } from './tried.ts';

type Ctx = RotatorContext<PostgresSecret>;

/** What stands in the way of a rotation, before anything is made. */
export async function refuse(reach: Reach, ctx: Ctx, old: Values): Promise<void> {
  const pair = refuseByNames(reach, ctx, old);
  const server = await reach.asRotator([old], async (client) => {
    const roles = await reach.rolesOf(client, pair);
    refuseUnfit(roles, pair);
    await refuseWithoutRights(client, roles, pair, reach.rotatorVariable());
    refuseUnpaired(roles, pair, ctx.name);
    const using = await sessionsOf(client, pair.other);
    if (using.length > 0)
      throw loginInUse('OTHER_LOGIN_IN_USE', pair.other, using, 'It would lose its password now; nothing was made.');
    return readSession(client);
  });
  // In an emergency the old one may be shut already, and is replaced all the same.
  if (!ctx.rotation.emergency)
    for (const variable of reach.variables) await refuseByOld(reach, old, variable, pair, server);
}

/** By what the URLs say, without asking anybody. */
function refuseByNames(reach: Reach, { config, environment }: Ctx, old: Values): Pair {
  const pair = reach.pair(old);
  const [variable = ''] = reach.variables;
  for (const one of reach.variables) {
    passwordIn(urlIn(old, one), one);
    const { user } = roleOf(urlIn(old, one));
    if (user !== pair.login)
      throw usageError(
        'LOGINS_DIFFER',
        `${one} logs in as ${user}, and ${variable} as ${pair.login}: they are two secrets.`,
        'Rotate each by an entry of its own.',
      );
  }
  const { url, appUrl, readUrl } = databaseSection.of(config);
  const kept = [
    ...Object.keys(config.variables).filter((name) => config.variables[name]?.kind === 'postgres'),
    url,
    appUrl,
    readUrl,
    reach.rotatorVariable(),
  ];
  for (const other of new Set(kept)) {
    if (reach.variables.includes(other) || !environment.has(other)) continue;
    if (roleOf(environment.secret(other)).user === pair.login) throw sameLoginElsewhere(variable, other, pair.login);
  }
  return pair;
}

/** By a session of the old login, through the address that the product has. */
async function refuseByOld(reach: Reach, old: Values, variable: string, pair: Pair, server: Server): Promise<void> {
  await asking(`Who ${pair.login} is by ${variable}`, () =>
    withPostgres(urlIn(old, variable), reach.applicationName, async (client) => {
      const found = await readSession(client);
      if (found.session !== pair.login) throw poolersOwnLogin(variable, pair.login, found.session);
      refuseOtherServer(variable, found, server);
      // What a login may beside its owner role is lost when its sessions work as that.
      const missing = await rightsMissing(client, { of: found.role, to: pair.owner });
      if (missing) throw lessRights(pair, missing);
    }),
  );
}

/**
 * The statements that make two logins of what is there, as they are to be run. Where one role has done it all until now it stays what it is, becomes the owner
 * that both work as, and is closed as a login at the end of its first rotation: nothing changes hands, and no right is given again.
 */
export async function adoption(reach: Reach, old: Values): Promise<{ says: string[]; run(): Promise<Values> }> {
  const pair = reach.pair(old);
  const { statements, server } = await reach.asRotator([old], async (client) => {
    const roles = await reach.rolesOf(client, pair);
    refuseUnfit(roles, pair);
    await refuseWithoutRights(client, roles, pair, reach.rotatorVariable());
    return {
      statements: pair.logins.flatMap((login) => twinStatements(client, roles, pair, login, pair.login)),
      server: await readSession(client),
    };
  });
  for (const variable of reach.variables) await refuseByOld(reach, old, variable, pair, server);
  return {
    says: statements,
    async run() {
      await reach.asRotator([old], (client) => changeRoles(client, statements));
      return {};
    },
  };
}
