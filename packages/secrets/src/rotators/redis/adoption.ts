import { OpsError, Secret } from '@drydock/kit';
import { randomSecret } from '../../random.ts';
import type { Values } from '../../values.ts';
import type { RotatorContext } from '../types.ts';
import { hashOf, keepUsers, readUser } from './acl.ts';
import type { RedisSecret } from './config.ts';
import { allConnectionsOf, connectionsOf } from './connections.ts';
import { type RedisLink, RedisRefusal } from './link.ts';
import { keepingIn, refuseSameUser } from './refuse.ts';
import { OPERATOR_RULES, type RedisSession } from './session.ts';
import { othersThan } from './stragglers.ts';
import { type RedisUrl, withUser } from './url.ts';

const OPERATOR = 'ops';
const OPERATOR_WORDS = OPERATOR_RULES.toSorted().join(' ');

/**
 * Splits what one user does today: operators get a user of their own, which may change ACLs, and the product's may not any more. Passwords of
 * the product's user that no variable holds are taken out, where nobody can be using them.
 */
export async function redisAdoption(
  ctx: RotatorContext<RedisSecret>,
  session: RedisSession,
  old: Values,
): Promise<{ says: string[]; run(): Promise<Values> }> {
  const { secret, environment } = ctx;
  const url = session.urlOf(old);
  const fingerprint = old[secret.variable]?.fingerprint() ?? '';
  if (secret.operator !== secret.variable && !environment.has(secret.operator))
    return operatorFirst(ctx, session, url, old);
  const narrowing = (nodes: RedisLink[]) => narrowingOf(ctx, session, { url, fingerprint }, nodes);
  const narrowings = await session.withNodes([old], async (nodes) => {
    await refuseSameUser(ctx, url, nodes);
    return narrowing(nodes);
  });
  return {
    says: [...new Set(narrowings.flatMap(({ says }) => says))],
    async run() {
      await session.withNodes([old], async (nodes) => {
        for (const { node, rules } of await narrowing(nodes)) {
          if (rules.length > 0) await node.call('ACL', 'SETUSER', url.login.user, ...rules);
          await keepUsers(node, await keepingIn(secret, node));
        }
      });
      return {};
    },
  };
}

/** The product's user keeps its right until the operator's URL is where it belongs: a run that is killed before would leave nobody who has it. */
async function operatorFirst(
  { secret, name }: RotatorContext<RedisSecret>,
  session: RedisSession,
  url: RedisUrl,
  old: Values,
): Promise<{ says: string[]; run(): Promise<Values> }> {
  await session.withNodesBy(secret.variable, [url], (nodes) => refuseTaken(secret, nodes));
  return {
    says: [
      `makes the user ${OPERATOR}, which may change ACLs and reads no key, and sets ${secret.operator} to it; once that is set, adoption of ${name} takes the right to change ACLs from ${url.login.user}`,
    ],
    async run() {
      const password = randomSecret(`the password of ${OPERATOR}`);
      await session.withNodesBy(secret.variable, [url], (nodes) => makeOperator(secret, nodes, password));
      const made = withUser(old[secret.variable]?.reveal() ?? '', OPERATOR, password.reveal());
      return { [secret.operator]: new Secret(made, secret.operator) };
    },
  };
}

/** One that a killed run has made, and whose password nobody knows, is ours by its rules, and nobody is logged in. */
async function refuseTaken(secret: RedisSecret, nodes: RedisLink[]): Promise<void> {
  for (const node of nodes) {
    const there = await readUser(node, OPERATOR);
    if (!there || (there.rules === OPERATOR_WORDS && (await allConnectionsOf([node], OPERATOR)).length === 0)) continue;
    throw new OpsError({
      code: 'REDIS_USER_TAKEN',
      message: `${node.label} has a user ${OPERATOR} already, and ${secret.operator} is not set.`,
      hint: `Set ${secret.operator} to it, or take it out: ACL DELUSER ${OPERATOR}, then ACL SAVE.`,
    });
  }
}

async function makeOperator(secret: RedisSecret, nodes: RedisLink[], password: Secret): Promise<void> {
  await refuseTaken(secret, nodes);
  for (const node of nodes) {
    await node.call('ACL', 'SETUSER', OPERATOR, 'reset', 'on', `#${hashOf(password)}`, ...OPERATOR_RULES);
    await keepUsers(node, await keepingIn(secret, node));
  }
}

interface Narrowing {
  node: RedisLink;
  rules: string[];
  says: string[];
}

async function narrowingOf(
  ctx: RotatorContext<RedisSecret>,
  session: RedisSession,
  { url: { login }, fingerprint }: { url: RedisUrl; fingerprint: string },
  nodes: RedisLink[],
): Promise<Narrowing[]> {
  const { secret } = ctx;
  const all: Narrowing[] = [];
  for (const node of nodes) {
    const rules: string[] = [];
    const says: string[] = [];
    const user = await readUser(node, login.user);
    const hash = login.password && hashOf(login.password);
    if (hash && user?.passwords.includes(hash) && user.passwords.length > 1) {
      await refuseUnknownUsers(ctx, session, node, { user: login.user, fingerprint });
      rules.push('resetpass', `#${hash}`);
      says.push(`takes out ${user.passwords.length - 1} more of ${login.user}'s passwords, which no variable holds`);
    }
    if (secret.operator !== secret.variable && (await mayChangeAcls(node, login.user))) {
      rules.push('-acl');
      says.push(`${login.user} may not change ACLs any more`);
    }
    all.push({ node, rules, says });
  }
  return all;
}

async function mayChangeAcls(node: RedisLink, user: string): Promise<boolean> {
  try {
    return String(await node.call('ACL', 'DRYRUN', user, 'ACL', 'SETUSER', user)) === 'OK';
  } catch (error) {
    // Version 6 has no DRYRUN; what is taken away twice is gone once.
    if (error instanceof RedisRefusal && error.code !== 'NOPERM') return true;
    throw error;
  }
}

async function refuseUnknownUsers(
  { signal }: Pick<RotatorContext<RedisSecret>, 'signal'>,
  session: RedisSession,
  node: RedisLink,
  { user, fingerprint }: { user: string; fingerprint: string },
): Promise<void> {
  const others = await othersThan(fingerprint, () => connectionsOf([node], { user, ours: session.name }), signal);
  if (others.length === 0) return;
  throw new OpsError({
    code: 'REDIS_OTHER_PASSWORDS',
    message: `${user} has passwords that no variable holds, and ${others.length} of its connections may have come in with one: ${others.map(({ connection: { address, id } }) => `${address} (client ${id})`).join(', ')}.`,
    hint: `End what uses them. Then, as an operator: ACL SETUSER ${user} resetpass and, with > before it, the password that is to stay; ACL SAVE.`,
  });
}
