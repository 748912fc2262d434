import { chownSync, cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connectPostgres, exec, quoteIdentifier, requireTool, Secret } from '@drydock/kit';
import { clusterFolder } from '../services/cluster-folder.ts';
import { adminUrl, answers, initCluster, serverArgs } from '../services/postgres.ts';
import { unprivilegedUser } from '../services/unprivileged.ts';
import type { Binaries } from './postgres-versions.ts';
import { startThrowAway, testRoot } from './root.ts';

const PASSWORD = 'throw-away-password';
/** A test's data need not survive anything. */
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };

export interface TestPostgres {
  host: string;
  port: number;
  /** As superuser, database postgres. */
  adminUrl: string;
  urlOf(database: string, role?: { user: string; password: string }): string;
  /** Makes an empty database, or a copy of one that nobody is connected to, and returns its URL. */
  createDatabase(name?: string, template?: string): Promise<string>;
  stop(): Promise<void>;
}

/** A real, throw-away PostgreSQL. `settings` go to the server as they are. */
export async function startTestPostgres({
  settings = {},
  binaries = { postgres: requireTool('postgres'), initdb: requireTool('initdb') },
  files = {},
}: {
  settings?: Record<string, string>;
  /** Put into the data folder before it starts: pg_hba.conf, certificates and keys. */
  files?: Record<string, string>;
  /** Of another version than the machine's newest. */
  binaries?: Binaries;
} = {}): Promise<TestPostgres> {
  const root = testRoot('pg');
  const user = unprivilegedUser();
  const data = clusterFolder(join(root, 'data'), user, '');
  await copyCluster(data, binaries.initdb);
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(data, name), text, { mode: 0o600 });
    if (user) chownSync(join(data, name), user.uid, user.gid);
  }
  const service = await startThrowAway(
    root,
    'postgres',
    async (port) => ({
      command: binaries.postgres,
      args: serverArgs(data, port, { ...FAST, ...settings }),
      env: { PATH: process.env.PATH },
      cwd: data,
      stopSignal: 'SIGINT' as const,
      ...(user ?? {}),
    }),
    (port) => answers(adminUrl(port, PASSWORD)),
  );
  let made = 0;
  return {
    host: '127.0.0.1',
    port: service.port,
    adminUrl: adminUrl(service.port, PASSWORD),
    urlOf: (database, role) =>
      `postgresql://${role?.user ?? 'drydock'}:${role?.password ?? PASSWORD}@127.0.0.1:${service.port}/${database}`,
    async createDatabase(name = `test_${++made}`, template = 'template1') {
      const admin = await connectPostgres(new Secret(adminUrl(service.port, PASSWORD), 'the test'), 'test');
      await admin.query(`CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE ${quoteIdentifier(template)}`);
      await admin.end();
      return adminUrl(service.port, PASSWORD, encodeURIComponent(name));
    },
    async stop() {
      await service.stop();
      rmSync(dirname(data), { recursive: true, force: true });
    },
  };
}

/** initdb takes a second; its result is kept per user and version, and copied. */
async function copyCluster(data: string, initdb: string): Promise<void> {
  const user = unprivilegedUser();
  const version = initdb.replaceAll(/[^0-9]/g, '') || 'path';
  const template = join(tmpdir(), `drydock-initdb-${process.getuid?.() ?? 0}-${version}-1`);
  if (!existsSync(template)) {
    const building = `${template}.${process.pid}`;
    mkdirSync(building, { recursive: true, mode: 0o755 });
    await initCluster(join(building, 'data'), { password: PASSWORD, user, initdb });
    try {
      renameSync(building, template);
    } catch {
      // Another test was faster; its template serves as well.
      rmSync(building, { recursive: true, force: true });
    }
  }
  cpSync(join(template, 'data'), data, { recursive: true, force: true });
  if (user) await exec('chown', ['-R', `${user.uid}:${user.gid}`, data]);
  await exec('chmod', ['700', data]);
}
