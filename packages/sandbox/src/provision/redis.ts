import { command, type EnvName, hint, OpsError } from '@drydock/kit';
import { hashOf, OPERATOR_RULES, PRODUCT_RULES } from '../services/redis.ts';
import { portOf, type SandboxState, secretsOf } from '../state.ts';
import { readEnvFile } from './env-files.ts';

/** A sandbox of before there were two users gets the operator's, and the product's loses what it must not do. Otherwise nothing is changed. */
export async function provisionRedis(root: string, state: SandboxState): Promise<void> {
  await Promise.all(Object.keys(state.environments).map((env) => provision(root, state, env)));
}

async function provision(root: string, state: SandboxState, env: EnvName): Promise<void> {
  const { redisPassword, redisOpsPassword } = secretsOf(state, env);
  const port = await portOf(state, `redis-${env}`);
  // What a rotation has changed stands in the file.
  const { REDIS_URL, OPS_REDIS_URL } = readEnvFile(root, env);
  const client = await connect(port);
  try {
    const logsIn = async (user: string, url: string | undefined, made: string) => {
      for (const password of [url && URL.parse(url)?.password, made])
        if (password && (await client.call('AUTH', user, password).catch(refused)) === 'OK') return true;
      return false;
    };
    if (await logsIn('ops', OPS_REDIS_URL, redisOpsPassword)) return;
    if (!(await logsIn('app', REDIS_URL, redisPassword)))
      throw new OpsError({
        code: 'SANDBOX_REDIS_CLOSED',
        message: `Redis of ${env} knows none of the passwords that this sandbox has.`,
        hint: hint`Begin from nothing: ${command('sandbox:reset')}, then ${command('sandbox:up')}`,
      });
    await client.call('ACL', 'SETUSER', 'ops', 'reset', 'on', `#${hashOf(redisOpsPassword)}`, ...OPERATOR_RULES);
    await client.call('ACL', 'SETUSER', 'app', ...PRODUCT_RULES);
  } finally {
    client.disconnect();
  }
  await save(port, redisOpsPassword);
}

/** By the one who may: the product's user has just lost the right to. */
async function save(port: number, password: string): Promise<void> {
  const client = await connect(port);
  try {
    await client.call('AUTH', 'ops', password);
    await client.call('ACL', 'SAVE');
  } finally {
    client.disconnect();
  }
}

async function connect(port: number) {
  const { Redis } = await import('ioredis');
  // Who logs in is said by AUTH, whose refusal is an answer here.
  const client = new Redis(port, '127.0.0.1', {
    lazyConnect: true,
    protocol: 2,
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: () => null,
    commandTimeout: 5_000,
  });
  await client.connect();
  return client;
}

function refused(error: Error): string {
  if (error.message.startsWith('WRONGPASS')) return error.message;
  throw error;
}
