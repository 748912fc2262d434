import { startTestRedis } from '@drydock/sandbox/testing';
import { logIn, passwordsOf } from '../redis/world.ts';
import type { Subject } from './team.ts';

/** A user of Redis with one password, and another who may change it. */
export async function redisSubject(databaseUrl: string): Promise<Subject> {
  const redis = await startTestRedis();
  return {
    secret: { kind: 'redis' },
    databaseUrl,
    env: { REDIS_URL: redis.url, OPS_REDIS_URL: redis.operatorUrl },
    variables: ['REDIS_URL'],
    works: async ({ REDIS_URL = '' }) => (await logIn(REDIS_URL)) === 'OK',
    live: async ({ REDIS_URL = '' }, before) => ({
      passwords: (await passwordsOf(redis)).length,
      now: await logIn(REDIS_URL),
      before: (await logIn(before.REDIS_URL ?? '')).split(' ')[0],
    }),
    stop: () => redis.stop(),
  };
}
