import { hash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Environment, type LoadedConfig, loadConfig, loadEnvironment } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { startTestProxy } from '@drydock/sandbox/testing';
import { artifactStore } from '../src/artifact/store.ts';
import type { Artifact } from '../src/artifact/types.ts';
import { releaseConfig } from '../src/config.ts';
import { LocalDriver } from '../src/driver/local.ts';
import { hostFolder } from '../src/host/folder.ts';
import type { Bed } from './driver-contract.ts';

export interface Configured {
  release?: object;
  shell?: Record<string, string>;
  env?: Record<string, string>;
  secrets?: object;
}

/** A checkout of the product on the same host, and its environment. */
export interface Opened {
  root: string;
  config: LoadedConfig;
  environment: Environment;
  driver: LocalDriver;
  /** Writes its env file anew, as a rotation does. */
  write(env: Record<string, string>): void;
}

export interface LocalBed extends Bed {
  driver: LocalDriver;
  artifact(name: string, change?: (source: string) => string, files?: Record<string, string>): Promise<Artifact>;
  root: string;
  proxy: Awaited<ReturnType<typeof startTestProxy>>;
  /** A driver with more of `release`, of a shell or of an env file, on the same host. */
  configured(more?: Configured): Promise<LocalDriver>;
  open(more?: Configured): Promise<Opened>;
  /** pid of an instance: `blue-1`. */
  pidOf(instance: string): number;
  serviceOf(instance: string): string;
  /** Folder of its log. */
  logsOf(instance: string): string;
}

const SHOP = join(import.meta.dirname, 'fixtures/shop.mjs');

/** A small product behind a HAProxy of its own. `release`: what its config has besides. */
export async function makeLocalBed(release: object = {}): Promise<LocalBed> {
  const proxy = await startTestProxy();
  const roots: string[] = [];
  let store: string | undefined;
  const open = async ({ release: more = {}, shell = {}, env = {}, secrets }: Configured = {}): Promise<Opened> => {
    const app = {
      command: ['node', 'shop.mjs'],
      node: process.execPath,
      readyTimeoutMs: 10_000,
      drainTimeoutMs: 3_000,
    };
    store ??= mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-store-'));
    const artifact = { include: ['.'], store: { kind: 'file', path: store } };
    const own = { artifact, ...release, ...more };
    const given = { ...release, ...more } as { app?: object };
    const reached = { PROXY_SOCKET: proxy.socket, PROXY_STATE_FILE: proxy.stateFile, PUBLIC_URL: proxy.url };
    const root = makeStrangeProduct(
      {
        release: { ...own, app: { ...app, ...given.app } },
        health: { path: '/healthz', token: null },
        ...(secrets ? { secrets } : {}),
      },
      { ...reached, ...env },
    );
    const write = (anew: Record<string, string>) => {
      const lines = Object.entries({ ...reached, ...anew }).map(([name, value]) => `${name}='${value}'\n`);
      writeFileSync(join(root, '.env.staging'), lines.join(''));
    };
    roots.push(root);
    const config = await loadConfig(undefined, root);
    const environment = loadEnvironment(config, 'staging', {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...shell,
    });
    const driver = new LocalDriver(config, releaseConfig(config), environment);
    host ??= hostFolder(config, releaseConfig(config), environment);
    return { root, config, environment, driver, write };
  };
  const configured = async (more?: Configured) => (await open(more)).driver;
  let host: ReturnType<typeof hostFolder> | undefined;
  const driver = await configured();
  const [root = ''] = roots;
  const serviceOf = (instance: string) => host?.serviceOf(instance) ?? '';
  const pidOf = (instance: string) => proxy.supervisor.state(serviceOf(instance)).pid ?? 0;
  return {
    driver,
    root,
    proxy,
    url: proxy.url,
    configured,
    open,
    serviceOf,
    pidOf,
    logsOf: (instance) => host?.logsOf(instance) ?? '',
    another: (env = {}) => configured({ env }),
    pids: async ({ slot }) =>
      proxy.supervisor
        .names()
        .filter((name) => name.startsWith(serviceOf(`${slot}-`)))
        .map((name) => `${name} ${proxy.supervisor.state(name).pid}`),
    async artifact(name, change = (source) => source, files = {}) {
      const config = await loadConfig(undefined, root);
      const store = artifactStore(config, loadEnvironment(config, 'staging', {}));
      const folder = mkdtempSync(join(root, 'built-'));
      writeFileSync(join(folder, 'shop.mjs'), `${change(readFileSync(SHOP, 'utf8'))}// ${name}\n`);
      for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
      const options = { signal: AbortSignal.timeout(60_000), time: 0, bom: '{}', inputs: '0'.repeat(64) };
      return store.keep(folder, hash('sha1', name), options);
    },
    async kill({ slot }) {
      process.kill(pidOf(`${slot}-1`), 'SIGKILL');
    },
    restartProxy: () => proxy.restart(),
    stop: () => proxy.stop(),
  };
}
