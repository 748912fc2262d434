import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { deployContracts } from '@drydock/escrow/contracts';
import { freePort } from '@drydock/kit';
import { bareEnvironment } from '@drydock/kit/testing';
import { createMigrated, startTestAnvil, startTestPostgres, startTestRedis } from '@drydock/sandbox/testing';
import { mnemonicToAccount } from 'viem/accounts';

const SERVER = join(import.meta.dirname, '../src/server.ts');
const MIGRATIONS = join(import.meta.dirname, '../../../prisma/migrations');
export const TOKEN = 'an-admin-token-for-tests';
export const keyOf = (letter: string) => letter.repeat(43);

/** PostgreSQL with the product's migrations, Redis and a chain with its contracts. */
export async function startWorld() {
  const [postgres, redis, chain] = await Promise.all([startTestPostgres(), startTestRedis(), startTestAnvil()]);
  const databaseUrl = await createMigrated(postgres, MIGRATIONS);
  const admin = mnemonicToAccount('test test test test test test test test test test test junk', { addressIndex: 1 });
  const adminKey = `0x${Buffer.from(admin.getHdKey().privateKey as Uint8Array).toString('hex')}` as const;
  const contracts = await deployContracts({ rpcUrl: chain.rpcUrl, adminKey, salt: 'test', adminDelayS: 0 });
  const env = {
    DRYDOCK_ENV: 'staging',
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redis.url,
    CHAIN_RPC_URL: chain.rpcUrl,
    ESCROW_FACTORY_ADDRESS: contracts.escrowFactory,
    CERTIFICATE_ADDRESS: contracts.certificate,
    ESCROW_ADMIN_KEY: adminKey,
    JWT_ACCESS_KEYS: `k1:${keyOf('a')}`,
    JWT_REFRESH_KEYS: `r1:${keyOf('b')}`,
    ADMIN_TOKEN: TOKEN,
    FEATURE_FLAGS: 'reviews,certificates',
    DRAIN_DELAY_MS: '100',
    LOG_LEVEL: 'error',
  };
  return {
    env,
    databaseUrl,
    postgres,
    redis,
    chain,
    stop: () => Promise.all([postgres.stop(), redis.stop(), chain.stop()]),
  };
}

export interface Product {
  url: string;
  child: ChildProcess;
  said(): string;
  exited: Promise<number | null>;
  stop(): Promise<number | null>;
}

/** Starts the product as a process and waits until it is ready, or has ended. */
export async function startProduct(env: Record<string, string>, wanted?: number): Promise<Product> {
  const port = wanted ?? (await freePort());
  const child = spawn(process.execPath, [SERVER], {
    env: bareEnvironment({ ...env, PORT: String(port) }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + 15_000;
  while (child.exitCode === null && Date.now() < deadline) {
    const ready = await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    return exited;
  };
  return { url, child, said: () => said, exited, stop };
}

interface HealthBody {
  uptimeSeconds: number;
  parts: Record<string, { ok: boolean; detail?: Record<string, unknown> }>;
}

export const health = async (url: string) => {
  const answer = await fetch(`${url}/api/admin/health`, { headers: { authorization: `Bearer ${TOKEN}` } });
  return {
    status: answer.status,
    body: (await answer.json()) as HealthBody,
  };
};

export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? Number.NaN);
}

export async function until(what: () => Promise<boolean>, ms = 15_000): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (Date.now() < deadline) {
    if (await what()) return true;
    await new Promise((done) => setTimeout(done, 50));
  }
  return false;
}
