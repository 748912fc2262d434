import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, Secret, Supervisor, withPostgres } from '@drydock/kit';
import { bareEnvironment } from '@drydock/kit/testing';
import { startTestPostgres, testRoot } from '@drydock/sandbox/testing';

const ROOT = join(import.meta.dirname, '../../..');
const ENVIRONMENTS = ['staging', 'production'];
/** An installation of packages takes the longest. */
const LONGEST_MS = 10 * 60_000;
/** What a program has left in the pipe when it ends. One that goes on in the background may keep the pipe. */
const REST_MS = 1_000;

/** A machine on which a stranger's product is adopted: its folder, its databases, a place for what runs. */
export interface Bed {
  root: string;
  urlOf(env: string): string;
  publicUrl(env: string): string;
  /** The text of the document with what is this machine's. */
  here(text: string): string;
  /** Types a line, as a person does in the product's folder. One that does not end is ended, and fails with what it had said. */
  type(line: string): Promise<{ code: number | null; said: string; ms: number }>;
  /** Lines of an env file are added, other files are written. */
  write(file: string, text: string): void;
  /** What the document leaves out, for it is printed to whoever does it: keys of backups. */
  learn(said: string): void;
  query(env: string, sql: string): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** `name`: of a folder in examples/. `env`: what its own .env file has besides the address of its database. */
export async function makeBed(name: string, env: Record<string, string> = {}): Promise<Bed> {
  const postgres = await startTestPostgres({ own: true });
  // An operator owns the databases of the product, and is no superuser.
  await withPostgres(new Secret(postgres.adminUrl), 'the test', async (client) => {
    await client.query("CREATE ROLE shop LOGIN CREATEDB PASSWORD 'secret'");
    for (const one of ['shop', ...ENVIRONMENTS.map((each) => `shop_${each}`)])
      await client.query(`CREATE DATABASE ${one} OWNER shop`);
  });
  const role = { user: 'shop', password: 'secret' };
  const urlOf = (one: string) => postgres.urlOf(one === 'development' ? 'shop' : `shop_${one}`, role);
  const host = testRoot('host');
  const ports: Record<string, number> = {};
  for (const one of ENVIRONMENTS) ports[one] = await freePort();
  const root = join(testRoot('adopted'), name);
  cpSync(join(ROOT, 'examples', name), root, { recursive: true });
  const learnt: [RegExp | string, string][] = [
    ['postgresql://shop:secret@127.0.0.1:5432/shop_staging', urlOf('staging')],
    ['postgresql://shop:secret@127.0.0.1:5432/shop_production', urlOf('production')],
    [/\/srv\/shop\b/g, host],
    ['http://127.0.0.1:8081', `http://127.0.0.1:${ports.staging}`],
    ['http://127.0.0.1:8082', `http://127.0.0.1:${ports.production}`],
    ['../drydock ', `${ROOT} `],
  ];
  const here = (text: string) => learnt.reduce((so, [from, to]) => so.replaceAll(from, to), text);
  const shell = bareEnvironment({
    CI: 'true',
    NO_COLOR: '1',
    // Installed from what the machine has fetched before, and without a program that Prisma would fetch elsewhere.
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    // It would wait five minutes for a registry that is silent.
    npm_config_update_notifier: 'false',
    PRISMA_SCHEMA_ENGINE_BINARY: join(ROOT, 'packages/db/bin/schema-engine'),
    // The registry's certificate may be the machine's own.
    ...(process.env.NODE_EXTRA_CA_CERTS ? { NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS } : {}),
    PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    ...Object.fromEntries(
      ['AUTHOR', 'COMMITTER'].flatMap((who) => [
        [`GIT_${who}_NAME`, 'a person'],
        [`GIT_${who}_EMAIL`, 'person@shop.example'],
      ]),
    ),
  });
  const bed: Bed = {
    root,
    urlOf,
    publicUrl: (one) => `http://127.0.0.1:${ports[one]}`,
    here,
    async type(line) {
      const began = performance.now();
      const child = spawn('bash', ['-c', here(line)], {
        ...{ cwd: root, env: shell, stdio: ['ignore', 'pipe', 'pipe'] },
        // A group of its own, which can be ended as a whole.
        detached: true,
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
      const closed = once(child, 'close');
      const ended = await Promise.race([once(child, 'exit'), sleep(LONGEST_MS, undefined, { ref: false })]);
      const ms = performance.now() - began;
      if (!ended) {
        const running = execFileSync('ps', ['-o', 'pid,stat,etimes,wchan:20,args', '-g', String(child.pid)]);
        process.kill(-(child.pid ?? 0), 'SIGKILL');
        throw new Error(
          `${line}\nhas not ended within ${LONGEST_MS / 1_000} s. It said:\n${said}\nand runs as:\n${running}`,
        );
      }
      await Promise.race([closed, sleep(REST_MS, undefined, { ref: false })]);
      return { code: ended[0] as number | null, said, ms };
    },
    write(file, text) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      if (file.startsWith('.env')) appendFileSync(join(root, file), here(text));
      else writeFileSync(join(root, file), here(text));
    },
    learn(said) {
      const recipient = /age1[a-z0-9]{58}/.exec(said)?.[0];
      const identity = /AGE-SECRET-KEY-1[A-Z0-9]+/.exec(said)?.[0];
      if (recipient && identity) learnt.push(['age1…', recipient], ['AGE-SECRET-KEY-1…', identity]);
    },
    query: (one, sql) =>
      withPostgres(new Secret(urlOf(one)), 'the test', async (client) => (await client.query(sql)).rows),
    async stop() {
      for (const one of ENVIRONMENTS) {
        await new Supervisor(join(host, one, 'drydock/services')).end(2_000);
        const pid = join(host, one, 'haproxy.pid');
        if (existsSync(pid)) end(Number(readFileSync(pid, 'utf8')));
      }
      await postgres.stop();
    },
  };
  bed.write(
    '.env',
    Object.entries({ DATABASE_URL: urlOf('development'), ...env })
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  for (const line of ['git init -q -b main', 'git add -A', 'git commit -q -m "As it was"']) await bed.type(line);
  return bed;
}

/** In the place of the tarball: the toolkit as it lies here, where npx finds it. */
export function linkToolkit(root: string): void {
  const bin = join(root, 'node_modules/.bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(join(ROOT, 'packages/cli/bin/drydock.ts'), join(bin, 'drydock'));
}

function end(pid: number): void {
  try {
    process.kill(pid);
  } catch (error) {
    // A person has ended it already, as the document says.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
