import { ENV_NAMES } from '@drydock/kit';
import { anvil } from './anvil.ts';
import { haproxy } from './haproxy.ts';
import { s3, sink } from './node-services.ts';
import { postgres } from './postgres.ts';
import { redis } from './redis.ts';
import type { Service } from './types.ts';

export const SERVICES: readonly Service[] = [
  postgres,
  ...ENV_NAMES.map(redis),
  anvil,
  s3,
  sink,
  ...ENV_NAMES.map(haproxy),
];
