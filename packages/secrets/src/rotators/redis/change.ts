import { OpsError, toOpsError } from '@drydock/kit';
import { isUnknown } from '../../unknown.ts';
import { type AclUser, keepUsers, readUser } from './acl.ts';
import type { RedisSecret } from './config.ts';
import type { RedisLink } from './link.ts';
import { keepingIn } from './refuse.ts';

/** What is to be done with a user of a node, in words of ACL SETUSER; nothing where it is so already. */
export type Change = (user: AclUser) => { rules: string[]; undo: string[] };

/**
 * Changes a user on each node and has it kept there. Kept even where nothing had to be changed: a run that was killed in between had not come to it.
 * One that cannot be kept is undone everywhere (`undo`), and told; one that does not answer is UNKNOWN, and waits for the next call.
 */
export async function changeUser(
  secret: RedisSecret,
  nodes: readonly RedisLink[],
  user: string,
  change: Change,
  { undo = true }: { undo?: boolean } = {},
): Promise<void> {
  const done: { node: RedisLink; rules: string[] }[] = [];
  try {
    for (const node of nodes) {
      const keeping = await keepingIn(secret, node);
      const { rules, undo: back } = change(await existing(node, user));
      if (rules.length > 0) {
        await node.call('ACL', 'SETUSER', user, ...rules);
        done.push({ node, rules: back });
      }
      await keepUsers(node, keeping);
    }
  } catch (error) {
    if (!undo || isUnknown(error)) throw error;
    throw await undone(secret, user, done, toOpsError(error));
  }
}

async function existing(node: RedisLink, user: string): Promise<AclUser> {
  const found = await readUser(node, user);
  if (found) return found;
  throw new OpsError({
    code: 'REDIS_USER_MISSING',
    message: `${node.label} has no user ${user} any more.`,
    hint: 'Bring it back as ACL LIST shows it elsewhere, by ACL SETUSER and ACL SAVE.',
  });
}

async function undone(
  secret: RedisSecret,
  user: string,
  done: readonly { node: RedisLink; rules: string[] }[],
  error: OpsError,
): Promise<OpsError> {
  const left: string[] = [];
  for (const { node, rules } of done.toReversed()) {
    try {
      await node.call('ACL', 'SETUSER', user, ...rules);
    } catch (failed) {
      left.push(`${node.label}: ${(failed as Error).message}`);
      continue;
    }
    // What could not be written before may not be now; then the file has what there was, as the server has again.
    await keepUsers(node, await keepingIn(secret, node)).catch(() => {});
  }
  const { code, message, hint, exit } = error;
  const what = left.length > 0 ? `It could not be undone at ${left.join('; ')}.` : 'What was changed is undone.';
  return new OpsError({ code, message: `${message} ${what}`, hint, exit, cause: error });
}
