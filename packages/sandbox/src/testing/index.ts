import { dirname, join } from 'node:path';
import { anvilPath } from '@drydock/escrow';
import { Supervisor, stopDaemon } from '@drydock/kit';
import { bareEnvironment } from '@drydock/kit/testing';
import { anvilArgs, rpc } from '../services/anvil.ts';
import { haproxy, proxyFiles } from '../services/haproxy.ts';
import { BUCKET } from '../services/node-services.ts';
import { newState } from '../state.ts';
import { startNodeService } from './node-service.ts';
import { startThrowAway, testRoot } from './root.ts';

export { unprivilegedUser } from '../services/unprivileged.ts';
export { startTestCeph, type TestCeph } from './ceph.ts';
export { type Authority, makeAuthority } from './certificates.ts';
export { localeOf } from './locale.ts';
export { createMigrated } from './migrated.ts';
export { startTestPgBouncer } from './pgbouncer.ts';
export { startTestPostgres } from './postgres.ts';
export { type Clients, clientsOf } from './postgres-clients.ts';
export { POSTGRES_MAJORS, type PostgresMajor, postgresOf } from './postgres-versions.ts';
export { startTestPrometheus } from './prometheus.ts';
export { startTestRedis, type TestRedis } from './redis.ts';
export { testRoot } from './root.ts';
export { startTestSink, type TestSink } from './sink.ts';
export { startTestStandby } from './standby.ts';
export { startTestSwarm, swarmIsMissing, type TestMachine, type TestSwarm } from './swarm/swarm.ts';
export type { TestPostgres } from './test-postgres.ts';

/** A real, throw-away chain. */
export async function startTestAnvil({
  args = [],
}: {
  args?: string[];
} = {}): Promise<{ rpcUrl: string; stop(): Promise<void> }> {
  const root = testRoot('anvil');
  const answers = (port: number) => rpc<string>(port, 'eth_chainId', [], 1_000).then(Boolean, () => false);
  const { port, stop } = await startThrowAway(
    root,
    'anvil',
    async (p) => ({ command: anvilPath(), args: anvilArgs(p, args), env: bareEnvironment(), cwd: root }),
    answers,
  );
  return { rpcUrl: `http://127.0.0.1:${port}`, stop };
}

/** A real S3 endpoint with one bucket. */
export async function startTestS3(): Promise<{
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  bucket: string;
  stop(): Promise<void>;
}> {
  const { port, stop } = await startNodeService('s3');
  return {
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    bucket: BUCKET,
    stop,
  };
}

/** HAProxy as the sandbox runs it: one frontend, a server `blue` and a server `green`, both in maintenance. `name` is a part of its folder's. */
export async function startTestProxy({ name = 'proxy' } = {}) {
  const root = testRoot(name);
  const service = haproxy('staging');
  const ctx = (port: number) => ({ root, folder: root, state: newState(), port });
  const start = (port?: number) =>
    startThrowAway(
      root,
      'proxy',
      (p) => service.prepare(ctx(p)),
      (p) => service.ready(ctx(p)),
      port,
    );
  const { port, stop } = await start();
  const { socket, state } = proxyFiles(root, 'staging');
  const supervisor = new Supervisor(join(dirname(state), 'drydock/services'));
  return {
    url: `http://127.0.0.1:${port}`,
    socket,
    stateFile: state,
    /** Keeps what was released behind it, where no other folder of the host is named. */
    supervisor,
    /** With all that was released behind it. */
    async stop() {
      await supervisor.end(2_000);
      await stop();
    },
    /** As after a crash: killed, and started again from its files. */
    async restart() {
      await stopDaemon(root, 'proxy', { graceMs: 0 });
      await start(port);
    },
  };
}
