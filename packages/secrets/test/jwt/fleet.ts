// Instances of a product behind nothing: who asks picks one of those that serve.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort, Secret } from '@drydock/kit';
import { bareEnvironment } from '@drydock/kit/testing';
import type { Product, Rolling } from '../../src/product.ts';
import { fingerprintsOf, type Values } from '../../src/values.ts';

export interface Started {
  url: string;
  stop(): Promise<unknown>;
}

type Env = Record<string, string>;
type Start = (env: Env) => Promise<Started>;

export interface Fleet extends Product {
  /** What its files would say. */
  env: Env;
  urls(): string[];
  write(values: Values): void;
  /** One of them alone, with the environment as it is now. */
  restart(i: number): Promise<void>;
  stop(): Promise<void>;
}

/** Two of a product. Restarted one after the other, each by one that serves before it goes. */
export async function startFleet(env: Env, start: Start = startSmall): Promise<Fleet> {
  const startOne = async (of: Env) => ({ ...(await start(of)), env: { ...of } });
  const instances = [await startOne(env), await startOne(env)];
  const fleet: Fleet = {
    env: { ...env },
    urls: () => instances.map(({ url }) => url),
    write(values) {
      for (const [name, value] of Object.entries(values)) if (value) fleet.env[name] = value.reveal();
    },
    async restart(i) {
      const before = instances[i];
      instances[i] = await startOne(fleet.env);
      await before?.stop();
    },
    async redeploy({ each }: Rolling) {
      for (const i of instances.keys()) {
        await fleet.restart(i);
        await each({ name: `blue-${i + 1}`, address: instances[i]?.url ?? '' });
      }
    },
    describe: async () => `${instances.length} instances`,
    addresses: async () => fleet.urls(),
    uses: async (variables) =>
      instances.map((one, i) => ({
        instance: `blue-${i + 1}`,
        host: 'here',
        uses: fingerprintsOf(Object.fromEntries(variables.map((name) => [name, new Secret(one.env[name] ?? '')]))),
      })),
    async stop() {
      await Promise.all(instances.map((one) => one.stop()));
    },
  };
  return fleet;
}

/** The product beside this file; ready when it is returned. */
export async function startSmall(env: Env): Promise<Started> {
  const port = await freePort();
  const child = spawn(process.execPath, [fileURLToPath(new URL('./product.ts', import.meta.url))], {
    env: bareEnvironment({ ...env, PORT: String(port) }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error('it did not start')))]);
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}
