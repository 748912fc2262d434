import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deployContracts } from '@drydock/escrow/contracts';
import { freePort, startTestAnvil, startTestPostgres, startTestRedis } from '@drydock/sandbox/testing';
import pg from 'pg';
import { mnemonicToAccount } from 'viem/accounts';

const ROOT = join(import.meta.dirname, '..');

/** The product on throw-away services; with BASE_URL set, whatever runs there. Returns what ends it all. */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.env.BASE_URL) return async () => {};
  const [postgres, redis, chain] = await Promise.all([startTestPostgres(), startTestRedis(), startTestAnvil()]);
  const databaseUrl = await postgres.createDatabase();
  await migrate(databaseUrl);
  const admin = mnemonicToAccount('test test test test test test test test test test test junk', { addressIndex: 1 });
  const adminKey = `0x${Buffer.from(admin.getHdKey().privateKey as Uint8Array).toString('hex')}` as const;
  const contracts = await deployContracts({ rpcUrl: chain.rpcUrl, adminKey, salt: 'e2e' });
  const port = await freePort();
  const secret = () => randomBytes(32).toString('base64url');
  const product = spawn(process.execPath, [join(ROOT, 'packages/marketplace/src/server.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      DRYDOCK_ENV: 'staging',
      NODE_ENV: 'production',
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      REDIS_URL: redis.url,
      CHAIN_RPC_URL: chain.rpcUrl,
      ESCROW_FACTORY_ADDRESS: contracts.escrowFactory,
      CERTIFICATE_ADDRESS: contracts.certificate,
      ESCROW_ADMIN_KEY: adminKey,
      JWT_ACCESS_KEYS: `a:${secret()}`,
      JWT_REFRESH_KEYS: `r:${secret()}`,
      ADMIN_TOKEN: secret(),
      FEATURE_FLAGS: 'reviews,certificates',
      LOG_LEVEL: 'error',
    },
  });
  process.env.BASE_URL = `http://127.0.0.1:${port}`;
  await ready(process.env.BASE_URL, product);
  return async () => {
    product.kill('SIGTERM');
    await Promise.all([postgres.stop(), redis.stop(), chain.stop()]);
  };
}

async function migrate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const folder = join(ROOT, 'prisma/migrations');
  for (const name of readdirSync(folder)
    .filter((entry) => /^\d/.test(entry))
    .sort())
    await client.query(readFileSync(join(folder, name, 'migration.sql'), 'utf8'));
  await client.end();
}

async function ready(url: string, product: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 300 && product.exitCode === null; attempt++) {
    if (
      await fetch(`${url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await sleep(50);
  }
  throw new Error('The product did not become ready.');
}
