import { anvil } from './anvil.ts';
import { haproxy } from './haproxy.ts';
import { s3, sink } from './node-services.ts';
import { postgres } from './postgres.ts';
import { redis } from './redis.ts';
import type { Service } from './types.ts';

/** Of a world with these environments: some are shared, and each has a Redis and a proxy of its own. */
export function servicesOf(environments: readonly string[]): readonly Service[] {
  return [postgres, ...environments.map(redis), anvil, s3, sink, ...environments.map(haproxy)];
}
