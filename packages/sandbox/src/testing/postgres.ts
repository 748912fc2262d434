import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { connectPostgres, exec, quoteIdentifier, requireTool, Secret } from '@drydock/kit';
import { clusterFolder } from '../services/cluster-folder.ts';
import { adminUrl, answers, initCluster, serverArgs } from '../services/postgres.ts';
import { unprivilegedUser } from '../services/unprivileged.ts';
import type { Binaries } from './postgres-versions.ts';
import { cacheRoot, startThrowAway, testRoot } from './root.ts';
import { leasePostgres } from './shared-postgres.ts';
import type { TestPostgres } from './test-postgres.ts';

const PASSWORD = 'throw-away-password';
/** A test's data need not survive anything. */
const FAST = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '200',
  // In its folder, which is swept: a server that is killed would leave it in /dev/shm.
  dynamic_shared_memory_type: 'mmap',
};

interface Wanted {
  /** For tests that make, change or count what all databases of a server share: roles, sessions, names, settings. */
  own?: boolean;
  /** Go to the server as they are. */
  settings?: Record<string, string>;
  /** Put into the data folder before it starts: pg_hba.conf, certificates and keys. */
  files?: Record<string, string>;
  /** Of its process: where locales lie. */
  env?: Record<string, string>;
  /** Of another version than the machine's newest. */
  binaries?: Binaries;
}

/**
 * A real, throw-away PostgreSQL. Without wishes it is the one that a whole run of the tests shares, with a superuser of
 * this caller's own; a file that is run alone starts one.
 */
export async function startTestPostgres(wanted: Wanted = {}): Promise<TestPostgres> {
  const shared = process.env.DRYDOCK_TEST_POSTGRES;
  return shared && Object.keys(wanted).length === 0 ? leasePostgres(shared) : startOwn(wanted);
}

async function startOwn({
  settings = {},
  binaries = { postgres: requireTool('postgres'), initdb: requireTool('initdb') },
  files = {},
  env = {},
}: Wanted): Promise<TestPostgres> {
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
      env: { PATH: process.env.PATH, ...env },
      cwd: data,
      // At once: nobody will start it again.
      stopSignal: 'SIGQUIT' as const,
      ...(user ?? {}),
    }),
    (port) => answers(adminUrl(port, PASSWORD)),
  );
  let made = 0;
  const postgres: TestPostgres = {
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
    async createFilled(_key, fill) {
      const url = await postgres.createDatabase();
      await fill(url);
      return url;
    },
    async stop() {
      await service.stop();
      rmSync(dirname(data), { recursive: true, force: true });
    },
  };
  return postgres;
}

/** initdb takes a second; its result is kept per user and version, and copied. */
async function copyCluster(data: string, initdb: string): Promise<void> {
  const user = unprivilegedUser();
  const version = initdb.replaceAll(/[^0-9]/g, '') || 'path';
  const template = join(cacheRoot(), `drydock-initdb-${process.getuid?.() ?? 0}-${version}-1`);
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
  // Keeps owner and modes, and lets other services start meanwhile.
  await exec('cp', ['-a', join(template, 'data'), data]);
}
