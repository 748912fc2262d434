import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { loadConfig, loadEnvironment, requireTool } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { startTestProxy, startTestSwarm, type TestMachine, type TestSwarm } from '@drydock/sandbox/testing';
import type { Artifact } from '../../src/artifact/types.ts';
import { releaseConfig } from '../../src/config.ts';
import { SwarmDriver } from '../../src/driver/swarm.ts';
import type { Deployment, Slot } from '../../src/driver/types.ts';
import { Haproxy } from '../../src/proxy/haproxy.ts';
import { Traffic } from '../../src/proxy/traffic.ts';
import type { Images } from '../../src/swarm/images.ts';

export const progress = { signal: new AbortController().signal, onLine() {} };

export interface SwarmWorld {
  swarm: TestSwarm;
  proxy: Awaited<ReturnType<typeof startTestProxy>>;
  driver: SwarmDriver;
  /** As any other checkout or host sees it; or one with other variables or another config. */
  another(env?: Record<string, string>, swarm?: object): Promise<SwarmDriver>;
  /** An artefact that is its own image; `bad`: what the version does wrong. */
  artifact(name: string): Artifact;
  stage(name: string): Promise<Deployment>;
  /** Stages it, switches to it, and ends what was live. */
  release(name: string): Promise<Deployment>;
  /** What stage() does by itself, where its time is not to count. */
  makeImage(name: string): Promise<string>;
  /** At the proxy, of both slots. */
  serversUp(): Promise<number>;
  addressOn(machine: TestMachine, deployment: Deployment): string;
  /** While somebody else's process holds the port of the idle slot on the machine; it answers as a product does, or does not speak HTTP. */
  beside(speaks: 'HTTP' | 'nothing', work: () => Promise<void>): Promise<void>;
  docker(...args: string[]): string;
  stop(): Promise<void>;
}

/** A swarm with HAProxy in front, and images of a very small product: one for each name. */
export async function makeSwarmWorld(machines: 1 | 2): Promise<SwarmWorld> {
  const [swarm, proxy] = await Promise.all([startTestSwarm({ machines }), startTestProxy()]);
  const [manager] = swarm.machines;
  const docker = (...args: string[]) =>
    execFileSync(requireTool('docker'), ['--host', manager?.engine ?? '', ...args], {
      encoding: 'utf8',
      stdio: 'pipe',
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
    });
  const images = new TestImages(swarm.registry, docker);
  const another = async (env: Record<string, string> = {}, settings: object = {}) => {
    const release = {
      artifact: { include: ['.'] },
      app: { command: ['node', 'shop.mjs'], readyTimeoutMs: 20_000, drainTimeoutMs: 5_000 },
      swarm: { instances: machines, ...settings },
    };
    const own = { PROXY_SOCKET: proxy.socket, PROXY_STATE_FILE: proxy.stateFile, DOCKER_HOST: manager?.engine ?? '' };
    const product = { release, health: { path: '/healthz', token: null } };
    const root = makeStrangeProduct(product, { ...own, SHOP_COLOUR: 'red', ...env });
    const config = await loadConfig(undefined, root);
    return new SwarmDriver(config, releaseConfig(config), loadEnvironment(config, 'staging', {}), images);
  };
  const driver = await another();
  const traffic = new Traffic(new Haproxy({ socket: proxy.socket, stateFile: proxy.stateFile, backend: 'app' }));
  const artifact = (name: string): Artifact => ({
    digest: name,
    version: name,
    commit: name,
    builtAt: new Date().toISOString(),
    files: 1,
    bytes: 1,
    platform: 'linux-x64',
    inputs: '',
    bom: '',
  });
  const stage = async (name: string) => {
    const deployment = await driver.stage(artifact(name), progress);
    await driver.waitReady(deployment, progress);
    return deployment;
  };
  return {
    swarm,
    proxy,
    driver,
    another,
    artifact,
    stage,
    makeImage: (name) => images.of({ version: name }),
    addressOn: ({ address }, { slot }) => `http://${address}:${portOf(slot)}`,
    async beside(speaks, work) {
      const { live } = await driver.inspect();
      const stranger = inside(
        manager as TestMachine,
        portOf(live?.slot === 'blue' ? 'green' : 'blue'),
        SERVERS[speaks],
      );
      try {
        await once(stranger.stdout as Readable, 'data', { signal: AbortSignal.timeout(10_000) });
        await work();
      } finally {
        stranger.kill('SIGKILL');
        if (stranger.exitCode === null && stranger.signalCode === null) await once(stranger, 'exit');
      }
    },
    serversUp: async () => (await traffic.enabled()).filter(({ up }) => up).length,
    docker,
    async release(name) {
      const { live } = await driver.inspect();
      const deployment = await stage(name);
      await driver.shift(deployment);
      if (live) await driver.retire(live);
      return deployment;
    },
    async stop() {
      await Promise.all([swarm.stop(), proxy.stop()]);
    },
  };
}

/** The second environment of the config. */
function portOf(slot: Slot): number {
  return slot === 'blue' ? 8083 : 8084;
}

const SERVERS = {
  HTTP: `require('http').createServer((q, r) => r.end('{"ok":true,"version":"a stranger"}'))`,
  nothing: `require('net').createServer()`,
};

function inside({ pid }: TestMachine, port: number, server: string): ChildProcess {
  const code = `${server}.listen(${port}, () => console.log('listens'))`;
  return spawn(requireTool('nsenter'), ['--net', '--target', String(pid), process.execPath, '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Images with Node and the product, and nothing else: what Node links comes along. */
class TestImages implements Images {
  readonly auth = undefined;
  readonly #registry: string;
  readonly #docker: (...args: string[]) => string;
  readonly #made = new Map<string, string>();
  #base: string | undefined;

  constructor(registry: string, docker: (...args: string[]) => string) {
    this.#registry = registry;
    this.#docker = docker;
  }

  questions() {
    return [];
  }

  async of({ version }: Pick<Artifact, 'version'>): Promise<string> {
    const known = this.#made.get(version);
    if (known) return known;
    const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-image-'));
    const shop = readFileSync(join(import.meta.dirname, '../fixtures/shop.mjs'), 'utf8');
    writeFileSync(join(folder, 'shop.mjs'), shop.replace('BROKEN = false', `BROKEN = ${version.startsWith('bad')}`));
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${this.#from()}\nCOPY shop.mjs /app/\nCMD ["node", "shop.mjs"]\n`);
    const tag = `${this.#registry}/shop:${version}`;
    this.#docker('build', '--quiet', '--tag', tag, folder);
    this.#docker('push', '--quiet', tag);
    const digest = this.#docker('image', 'inspect', '--format', '{{index .RepoDigests 0}}', tag).trim();
    this.#made.set(version, digest);
    return digest;
  }

  #from(): string {
    if (this.#base) return this.#base;
    const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-image-'));
    const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
    const node = join(folder, 'bin/node');
    for (const [from, to] of [[process.execPath, node], ...linked.map((file) => [file, join(folder, file)])] as [
      string,
      string,
    ][]) {
      mkdirSync(dirname(to), { recursive: true });
      copyFileSync(from, to);
    }
    const archive = join(folder, 'base.tar');
    execFileSync('tar', ['--exclude=base.tar', '-cf', archive, '-C', folder, '.']);
    this.#base = 'base';
    this.#docker('import', '--change', 'WORKDIR /app', '--change', 'ENV PATH=/bin', archive, this.#base);
    return this.#base;
  }
}
