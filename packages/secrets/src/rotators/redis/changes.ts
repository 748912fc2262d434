import { OpsError, type Secret } from '@drydock/kit';
import { type AclUser, hashOf } from './acl.ts';
import type { Change } from './change.ts';
import type { RedisLogin } from './url.ts';

const NOTHING = { rules: [], undo: [] };

/** A password beside those that are there. A user that takes any password takes this one too, and goes on so until that is ended. */
export function addition(next: RedisLogin): Change {
  return (user) => {
    const hash = hashOf(passwordOf(next));
    if (user.nopass || user.passwords.includes(hash)) return NOTHING;
    return { rules: [`#${hash}`], undo: [`!${hash}`] };
  };
}

/** The old one is no password any more, nor is anything else where anything was one. */
export function ending(old: RedisLogin, next: RedisLogin): Change {
  return (user) => {
    const hash = hashOf(passwordOf(next));
    if (user.nopass) return { rules: ['resetpass', `#${hash}`], undo: ['nopass'] };
    return removal(user, old.password, next);
  };
}

/** The new one is no password any more. */
export function withdrawal(old: RedisLogin, next: RedisLogin): Change {
  return (user) => (user.nopass ? NOTHING : removal(user, next.password, old));
}

function removal(user: AclUser, ended: Secret | undefined, stays: RedisLogin): { rules: string[]; undo: string[] } {
  // Redis refuses to take out what is not there.
  const hash = ended && hashOf(ended);
  if (!hash || !user.passwords.includes(hash)) return NOTHING;
  if (stays.password && user.passwords.includes(hashOf(stays.password)))
    return { rules: [`!${hash}`], undo: [`#${hash}`] };
  throw new OpsError({
    code: 'REDIS_WOULD_LOCK_OUT',
    message: `${stays.user} does not have the password that is to stay: without the other one nobody could log in.`,
    hint: 'ACL GETUSER shows what it has; secrets:revert and a new rotation bring both back in line.',
  });
}

function passwordOf({ user, password }: RedisLogin): Secret {
  if (password) return password;
  throw new OpsError({ code: 'REDIS_NO_PASSWORD', message: `The new value has no password for ${user}.` });
}
