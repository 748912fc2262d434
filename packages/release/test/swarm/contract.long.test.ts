// Uses Docker Engine, skopeo, a registry and HAProxy: what every driver must do, asked of the swarm's, on two machines.
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, requireTool } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { startTestProxy, startTestSwarm, swarmIsMissing } from '@drydock/sandbox/testing';
import { artifactStore } from '../../src/artifact/store.ts';
import { driverOf } from '../../src/driver/driver.ts';
import { type Bed, driverContract } from '../driver-contract.ts';

const SHOP = join(import.meta.dirname, '../fixtures/shop.mjs');

const missing = swarmIsMissing();
if (missing) console.log(`contract of a driver: swarm: SKIPPED, ${missing}`);
else driverContract('swarm', makeSwarmBed);

async function makeSwarmBed(): Promise<Bed> {
  const [swarm, proxy] = await Promise.all([startTestSwarm({ machines: 2 }), startTestProxy()]);
  const engines = swarm.machines.map(({ engine }) => engine);
  const store = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-store-'));
  const open = async (more: Record<string, string> = {}) => {
    const release = {
      driver: 'swarm',
      artifact: { include: ['.'], store: { kind: 'file', path: store } },
      app: { command: ['node', 'shop.mjs'], readyTimeoutMs: 20_000, drainTimeoutMs: 3_000 },
      image: { repository: `${swarm.registry}/shop`, insecure: true },
    };
    const env = {
      PROXY_SOCKET: proxy.socket,
      PROXY_STATE_FILE: proxy.stateFile,
      PUBLIC_URL: proxy.url,
      DOCKER_HOST: engines[0] ?? '',
      ...more,
    };
    const config = await loadConfig(
      undefined,
      makeStrangeProduct({ release, health: { path: '/healthz', token: null } }, env),
    );
    return { config, environment: loadEnvironment(config, 'staging', {}) };
  };
  const another = async (more: Record<string, string> = {}) => {
    const { config, environment } = await open(more);
    return driverOf(config, environment);
  };
  return {
    driver: await another(),
    url: proxy.url,
    another,
    async artifact(name, change = (source) => source) {
      const { config, environment } = await open();
      const folder = mkdtempSync(join(store, 'built-'));
      writeFileSync(join(folder, 'shop.mjs'), `${change(readFileSync(SHOP, 'utf8'))}// ${name}\n`);
      const options = { signal: AbortSignal.timeout(60_000), time: 0, bom: '{}', inputs: '0'.repeat(64) };
      return artifactStore(config, environment).keep(folder, hash('sha1', name), options);
    },
    pids: async ({ version }) => engines.flatMap((engine) => containersOf(engine, version)),
    async kill({ version }) {
      const [container = ''] = containersOf(engines[1], version);
      docker(engines[1], 'kill', '--signal', 'KILL', container);
    },
    restartProxy: () => proxy.restart(),
    async stop() {
      await Promise.all([swarm.stop(), proxy.stop()]);
    },
  };
}

function containersOf(engine: string | undefined, version: string): string[] {
  return docker(engine, 'ps', '--quiet', '--filter', `label=drydock.version=${version}`).trim().split('\n');
}

function docker(engine = '', ...args: string[]): string {
  return execFileSync(requireTool('docker'), ['--host', engine, ...args], { encoding: 'utf8' });
}
