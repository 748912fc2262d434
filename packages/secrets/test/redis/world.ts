import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { loadConfig, loadEnvironment, Secret } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import type { TestRedis } from '@drydock/sandbox/testing';
import { Redis, type RedisOptions } from 'ioredis';
import { secretsConfig } from '../../src/config.ts';
import type { RedisSecret } from '../../src/rotators/redis/config.ts';
import { redisRotator } from '../../src/rotators/redis/rotator.ts';
import type { Rotator, RotatorContext } from '../../src/rotators/types.ts';
import type { Values } from '../../src/values.ts';

export const VARIABLE = 'REDIS_URL';
type Options = Omit<RedisOptions, 'replyMapping'>;

export interface Asked {
  url: string;
  operatorUrl?: string | undefined;
  secret?: Partial<RedisSecret>;
  emergency?: boolean;
  onLine?(line: string): void;
}

/** Fresh objects each time, as another process would have. */
export async function rotatorFor({
  url,
  operatorUrl,
  secret = {},
  emergency = false,
  onLine = () => {},
}: Asked): Promise<Rotator> {
  const variables = { [VARIABLE]: url, ...(operatorUrl === undefined ? {} : { OPS_REDIS_URL: operatorUrl }) };
  const root = makeStrangeProduct({ secrets: { rotate: { redis: { kind: 'redis', ...secret } } } }, variables);
  const config = await loadConfig(undefined, root);
  const ctx: RotatorContext<RedisSecret> = {
    config,
    environment: loadEnvironment(config, 'staging', {}),
    name: 'redis',
    secret: secretsConfig(config).rotate.redis as RedisSecret,
    rotation: { id: '01TESTROTATION', generation: 1, emergency },
    product: {} as RotatorContext<RedisSecret>['product'],
    ask: () => Promise.reject(new Error('nobody is asked')),
    signal: new AbortController().signal,
    onLine,
  };
  return redisRotator(ctx);
}

export const holding = (url: string): Values => ({ [VARIABLE]: new Secret(url, VARIABLE) });
export const urlIn = (values: Values): string => values[VARIABLE]?.reveal() ?? '';

/** `OK`, or what Redis said no with. */
export async function logIn(url: string, options: Options = {}): Promise<string> {
  return say(url, ['PING'], options).then((answer) => (answer === 'PONG' ? 'OK' : String(answer)));
}

export async function say(url: string, [name = '', ...words]: string[], options: Options = {}): Promise<unknown> {
  const client = quiet(url, options);
  // What the connection says itself is less than what its event says.
  let why: Error | undefined;
  client.on('error', (error: Error) => {
    why = error;
  });
  try {
    await client.connect();
    return await client.call(name, words);
  } catch (error) {
    return (why ?? (error as Error)).message;
  } finally {
    client.disconnect();
  }
}

export function quiet(url: string, options: Options = {}): Redis {
  const client = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    ...options,
  });
  client.on('error', () => {});
  return client;
}

/** As the product names its connections. */
export const namedFor = (values: Values): Options => ({
  connectionName: `shop:${values[VARIABLE]?.fingerprint()}`,
});

export async function passwordsOf(redis: Pick<TestRedis, 'operatorUrl'>, user = 'app'): Promise<string[]> {
  const answer = (await say(redis.operatorUrl, ['ACL', 'GETUSER', user])) as unknown[] | Record<string, unknown>;
  const found = Array.isArray(answer) ? answer[answer.indexOf('passwords') + 1] : answer.passwords;
  return found as string[];
}

/** Between an operator and Redis: cuts the connection at its n-th command, before Redis has it or before its answer is heard. */
export async function startCutter(port: number) {
  let left = Number.POSITIVE_INFINITY;
  let where: 'before' | 'after' = 'before';
  let cut = false;
  const sockets = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    for (const socket of [from, to]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    let silent = false;
    from.on('data', (data) => {
      left -= 1;
      if (left >= 0) return void to.write(data);
      cut = true;
      if (where === 'before') return void [from, to].map((socket) => socket.destroy());
      silent = true;
      to.write(data);
    });
    to.on('data', (data) => {
      if (silent) for (const socket of [from, to]) socket.destroy();
      else from.write(data);
    });
    from.on('close', () => to.destroy());
    to.on('close', () => from.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    /** From now on; `wasCut` says whether there were that many. */
    at(commands: number, side: typeof where) {
      left = commands;
      where = side;
      cut = false;
    },
    wasCut: () => cut,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
