import { command, hint, OpsError } from '@drydock/kit';
import type { RotatorContext } from '../types.ts';
import { type AclUser, hashOf, type Keeping, keepingOf, readUser } from './acl.ts';
import type { RedisSecret } from './config.ts';
import { allConnectionsOf } from './connections.ts';
import { type RedisLink, RedisRefusal } from './link.ts';
import { OPERATOR_RULES, type RedisSession } from './session.ts';
import type { RedisLogin, RedisUrl } from './url.ts';

type Context = Pick<RotatorContext<RedisSecret>, 'secret' | 'name'>;

/** All that stands in the way of two passwords at once, asked before anything is made. */
export async function refuseRedis(
  ctx: Context,
  session: RedisSession,
  url: RedisUrl,
  nodes: RedisLink[],
): Promise<void> {
  await refuseSameUser(ctx, url, nodes);
  for (const node of nodes) {
    refuseUser(ctx, node, url.login, await readUser(node, url.login.user));
    const keeping = await keepingIn(ctx.secret, node);
    await refuseWithoutRights(ctx, node, url.login.user, keeping);
  }
  await refuseRedisItself(ctx, url, nodes);
  await refuseElsewhere(ctx, session, url, nodes);
}

/** Where a node keeps its users; refused where it would forget them. */
export async function keepingIn({ save }: RedisSecret, node: RedisLink): Promise<Keeping> {
  const keeping = save === 'never' ? 'nowhere' : await keepingOf(node);
  if (keeping !== 'nowhere' || save === 'never') return keeping;
  throw new OpsError({
    code: 'REDIS_KEEPS_NO_USERS',
    message: `${node.label} keeps its users nowhere: it has neither an ACL file nor a config file, and would forget the new password when it starts again.`,
    hint: "Start it with --aclfile (redis.io/docs: ACL), or say save: 'never' where that is meant.",
  });
}

/** A user in two variables: one of them would be left with the old password. */
export async function refuseSameUser(
  { secret, name }: Context,
  { login }: RedisUrl,
  nodes: RedisLink[],
): Promise<void> {
  if (secret.operator === secret.variable) return;
  const me = String(await nodes[0]?.call('ACL', 'WHOAMI'));
  if (me !== login.user) return;
  throw new OpsError({
    code: 'REDIS_SAME_USER',
    message: `${secret.variable} and ${secret.operator} are both of the user ${me}: one of them would be left with the old password.`,
    hint: hint`Take ${secret.operator} out, and have a user of its own made: ${command('secrets:adopt', {}, name)}`,
  });
}

function refuseUser(
  { secret: { variable }, name }: Context,
  node: RedisLink,
  { user, password }: RedisLogin,
  found: AclUser | undefined,
): void {
  const refused = (code: string, message: string, how: OpsError['hint']) => new OpsError({ code, message, hint: how });
  if (!found)
    throw refused(
      'REDIS_USER_MISSING',
      `${node.label} has no user ${user}, who is named in ${variable}; Redis replicates no users.`,
      `Make it there: ACL SETUSER ${user} and the rules that ACL LIST shows of it elsewhere, then ACL SAVE.`,
    );
  if (!found.on)
    throw refused(
      'REDIS_USER_OFF',
      `${user} is switched off on ${node.label}.`,
      `ACL SETUSER ${user} on, then ACL SAVE.`,
    );
  if (found.nopass) return;
  if (!password || !found.passwords.includes(hashOf(password)))
    throw refused(
      'REDIS_CURRENT_REFUSED',
      `${node.label} does not take what ${variable} holds as a password of ${user}: whoever is up uses another one.`,
      `Set ${variable} to the one that is in use.`,
    );
  if (found.passwords.length > 1)
    throw refused(
      'REDIS_OTHER_PASSWORDS',
      `${user} has ${found.passwords.length - 1} more than the password in ${variable} on ${node.label}: who uses it, nobody knows.`,
      hint`Take it out: ${command('secrets:adopt', {}, name)}`,
    );
}

/** Asked of Redis without doing it (ACL DRYRUN, of version 7). */
async function refuseWithoutRights(
  { secret }: Context,
  node: RedisLink,
  user: string,
  keeping: Keeping,
): Promise<void> {
  const needed = [
    ['ACL', 'SETUSER', user],
    ['CLIENT', 'KILL', 'ID', '1'],
    ...(keeping === 'nowhere' ? [] : [keeping.split(' ')]),
  ];
  try {
    const me = String(await node.call('ACL', 'WHOAMI'));
    for (const words of needed) {
      const answer = String(await node.call('ACL', 'DRYRUN', me, ...words));
      if (answer === 'OK') continue;
      throw new OpsError({
        code: 'REDIS_NOT_PERMITTED',
        message: `The user in ${secret.operator} may not do what is needed at ${node.label}: ${answer.trim()}`,
        hint: `As a user that may change ACLs: ACL SETUSER ${me} ${OPERATOR_RULES.slice(1).join(' ')}, then ${keeping}.`,
      });
    }
  } catch (error) {
    // Version 6 has no DRYRUN, and says no when it comes to it.
    if (!(error instanceof RedisRefusal) || error.code === 'NOPERM') throw error;
  }
}

/** Replicas and Sentinels hold a password of their own setting: they would be locked out, and a failover with them. */
async function refuseRedisItself({ secret }: Context, { login }: RedisUrl, nodes: RedisLink[]): Promise<void> {
  const own = (await allConnectionsOf(nodes, login.user)).find(
    ({ flags, name }) => flags.includes('S') || name.startsWith('sentinel-'),
  );
  if (!own) return;
  throw new OpsError({
    code: 'REDIS_USER_OF_REDIS',
    message: `${own.address} is ${own.flags.includes('S') ? 'a replica' : 'a Sentinel'} and logs in as ${login.user}, the user in ${secret.variable}: without the old password it would be locked out.`,
    hint: 'Give it a user of its own (masteruser, masterauth; sentinel auth-user), or the product.',
  });
}

/** The product's address must lead to a node whose users are changed: another server's would be left with the old password alone. */
async function refuseElsewhere({ secret }: Context, session: RedisSession, url: RedisUrl, nodes: RedisLink[]) {
  if (secret.operator === secret.variable) return;
  let there = true;
  const taken = await session.tries(url.place, url.login, async (link) => {
    const id = await link.call('CLIENT', 'ID').catch((error) => {
      if (error instanceof RedisRefusal) return undefined;
      throw error;
    });
    if (id === undefined) return;
    const all = await allConnectionsOf(nodes, url.login.user);
    there = all.some((one) => one.id === String(id) && one.name === session.name);
  });
  if (taken && there) return;
  throw new OpsError({
    code: 'REDIS_ELSEWHERE',
    message: `${secret.variable} and ${secret.operator} lead to different servers.`,
    hint: `Set both to the same one: the users of that in ${secret.operator} are changed.`,
  });
}
