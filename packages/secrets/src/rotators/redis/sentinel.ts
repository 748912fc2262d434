import { OpsError } from '@drydock/kit';
import { infoOf } from './info.ts';
import { type RedisLink, RedisRefusal } from './link.ts';

/** A Sentinel has none of the product's users: whose login it refuses is no wrong password. Where it lets anybody look, it says which masters it watches. */
export async function refuseSentinel(link: RedisLink, variable: string): Promise<void> {
  const info = infoOf(await asked(link, 'INFO', 'server'));
  if (info.redis_mode !== 'sentinel') return;
  const masters = mastersIn(await asked(link, 'SENTINEL', 'MASTERS'));
  throw new OpsError({
    code: 'REDIS_IS_SENTINEL',
    message: `${link.label}, in ${variable}, is a Sentinel, which has none of the product's users and is not followed to its master${masters.length > 0 ? ` (${masters.join(', ')})` : ''}.`,
    hint: `Set ${variable} to the master's own address; its replicas are found from there.`,
  });
}

/** Undefined where it wants a login of its own for that. */
async function asked(link: RedisLink, ...words: string[]): Promise<unknown> {
  try {
    return await link.call(...words);
  } catch (error) {
    if (error instanceof RedisRefusal) return undefined;
    throw error;
  }
}

/** `mymaster at 10.0.0.3:6379` */
function mastersIn(answer: unknown): string[] {
  if (!Array.isArray(answer)) return [];
  return answer.map((one: string[]) => {
    const said = (name: string) => one[one.indexOf(name) + 1];
    return `${said('name')} at ${said('ip')}:${said('port')}`;
  });
}
