import { createHash } from 'node:crypto';
import { OpsError, type Secret } from '@drydock/kit';
import { infoOf } from './info.ts';
import { type RedisLink, RedisRefusal } from './link.ts';

/** A user as one node has it. */
export interface AclUser {
  on: boolean;
  /** Takes any password. */
  nopass: boolean;
  /** SHA-256 of each, in hexadecimal, as Redis keeps them. */
  passwords: readonly string[];
  /** What it may do, in Redis' words; the server gives them in an order of its own. */
  rules: string;
}

/** As ACL SETUSER takes it after `#` and `!`: no plain text reaches the server's slow log, its ACL LOG or a MONITOR. */
export function hashOf(password: Secret): string {
  return createHash('sha256').update(password.reveal()).digest('hex');
}

export async function readUser(node: RedisLink, user: string): Promise<AclUser | undefined> {
  const answer = await node.call('ACL', 'GETUSER', user);
  if (!Array.isArray(answer)) return undefined;
  const found = Object.fromEntries(
    Array.from({ length: answer.length / 2 }, (_, n) => [answer[n * 2], answer[n * 2 + 1]]),
  );
  const flags: string[] = found.flags ?? [];
  const { passwords = [], flags: _, ...rules } = found as { passwords?: string[]; flags: unknown };
  return {
    on: flags.includes('on'),
    nopass: flags.includes('nopass'),
    passwords,
    rules: wordsIn(rules).toSorted().join(' '),
  };
}

/** Where a node keeps its users beyond its end. */
export type Keeping = 'ACL SAVE' | 'CONFIG REWRITE' | 'nowhere';

export async function keepingOf(node: RedisLink): Promise<Keeping> {
  const [, file] = (await node.call('CONFIG', 'GET', 'aclfile')) as string[];
  if (file) return 'ACL SAVE';
  return infoOf(await node.call('INFO', 'server')).config_file ? 'CONFIG REWRITE' : 'nowhere';
}

/** Written to disk by the server itself, or said why not. */
export async function keepUsers(node: RedisLink, keeping: Keeping): Promise<void> {
  if (keeping === 'nowhere') return;
  try {
    await node.call(...keeping.split(' '));
  } catch (error) {
    if (!(error instanceof RedisRefusal) || error.code === 'NOPERM') throw error;
    throw new OpsError({
      code: 'REDIS_USERS_NOT_KEPT',
      message: `${node.label} cannot write its users to disk (${keeping}: ${error.message}).`,
      hint: `Its log says why: a folder that takes nothing, a full disk. Then run it again.`,
    });
  }
}

function wordsIn(rules: unknown): string[] {
  if (typeof rules === 'string') return rules.split(' ').filter(Boolean);
  if (typeof rules !== 'object' || rules === null) return [];
  return Array.isArray(rules)
    ? rules.flatMap(wordsIn)
    : Object.entries(rules).flatMap(([kind, words]) =>
        wordsIn(words).map((word) => (kind === 'commands' ? word : `${kind}:${word}`)),
      );
}
