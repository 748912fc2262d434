import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Step, StepNode } from '@drydock/kit';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, startTestProxy } from '@drydock/sandbox/testing';
import releaseTask from '../scripts/release.ts';
import statusTask from '../scripts/status.ts';

type Ended = Awaited<ReturnType<typeof runTaskForTest>>;

/** A stranger's product in a repository of its own, with a database, a store of backups and HAProxy in front. */
export interface Checkout {
  root: string;
  /** Another commit, and so another version. */
  commit(change?: (source: string) => string): void;
  /** Files of the next commit, by path; that is made as well. */
  write(files: Record<string, string>): void;
  /** `npm run release -- --env staging`; `meddle` may change each step before it runs. */
  release(meddle?: (name: string, step: Step) => void, args?: string[]): Promise<Ended>;
  status(): Promise<Ended>;
}

export interface World extends Checkout {
  url: string;
  proxy: Awaited<ReturnType<typeof startTestProxy>>;
  /** Variables of another environment, with a database of its own. */
  alsoProduction(more: Record<string, string>): Promise<void>;
  /** A clone with the same environment, that has never released anything. */
  clone(): Checkout;
  stop(): Promise<void>;
}

/** Shows every step of a run with its full name as it is made, in groups as well: a test may change it. */
export function eachStep(nodes: StepNode[], show: (name: string, step: Step) => void, prefix = ''): void {
  for (const node of nodes) {
    const name = prefix + node.name;
    if (!('steps' in node)) {
      show(name, node);
      continue;
    }
    const make = node.steps;
    node.steps = (plan) => {
      const made = make(plan);
      eachStep(made, show, `${name} › `);
      return made;
    };
  }
}

/** `release`: more of that section; `variables`: more of the environment. */
export async function makeWorld(
  config: object = {},
  release: object = {},
  variables: Record<string, string> = {},
): Promise<World> {
  const [proxy, postgres] = await Promise.all([startTestProxy(), startTestPostgres()]);
  const env = {
    OPS_DATABASE_URL: await postgres.createDatabase(),
    PUBLIC_URL: proxy.url,
    PROXY_SOCKET: proxy.socket,
    PROXY_STATE_FILE: proxy.stateFile,
    // Nobody has the other half: these backups are made, and never opened.
    BACKUP_RECIPIENTS: 'age1d06q539n9rj0lwwwkfu3h8xhtxq0uvxr6l7fktf6t0f3h9u95yyqflx3vw',
    ...variables,
  };
  const product = {
    release: {
      baseBranch: 'main',
      artifact: { include: ['shop.mjs'], keep: 1 },
      flow: { command: ['node', '--version'] },
      app: { command: ['node', 'shop.mjs'], node: process.execPath, readyTimeoutMs: 20_000, drainTimeoutMs: 5_000 },
      // Its tests are no matter of these.
      ci: { by: 'none' },
      checklist: { environments: [] },
      // Nor do they wait for what they do not ask about.
      watch: { seconds: 0 },
      ...release,
    },
    health: { path: '/healthz', token: null },
    ...config,
  };
  const root = makeStrangeProduct(product, env);
  cpSync(join(import.meta.dirname, 'fixtures/shop.mjs'), join(root, 'shop.mjs'));
  mkdirSync(join(root, 'prisma/migrations/1_jobs'), { recursive: true });
  writeFileSync(
    join(root, 'prisma/schema.prisma'),
    'datasource db {\n  provider = "postgresql"\n}\nmodel jobs {\n  id Int @id\n}\n',
  );
  writeFileSync(join(root, 'prisma/migrations/1_jobs/migration.sql'), 'CREATE TABLE jobs (id int PRIMARY KEY);\n');
  // Of `.drydock/` git is told by itself: what the toolkit keeps makes no checkout dirty.
  writeFileSync(join(root, '.gitignore'), '.env*\n');
  git(root, 'init', '-q', '-b', 'main');
  git(root, 'add', '-A');
  git(root, 'commit', '-qm', 'a shop');
  const roots = [root];
  return {
    ...checkout(root),
    url: proxy.url,
    proxy,
    async alsoProduction(more) {
      const all = { ...env, OPS_DATABASE_URL: await postgres.createDatabase(), ...more };
      const lines = Object.entries(all).map(([name, value]) => `${name}='${value}'\n`);
      writeFileSync(join(root, '.env.production'), lines.join(''));
    },
    clone() {
      const clone = makeStrangeProduct(product, env);
      git(clone, 'init', '-q', '-b', 'main');
      git(clone, 'fetch', '-q', root, 'main');
      git(clone, 'reset', '-q', '--hard', 'FETCH_HEAD');
      roots.push(clone);
      return checkout(clone);
    },
    async stop() {
      await Promise.all([proxy.stop(), postgres.stop()]);
    },
  };
}

function checkout(root: string): Checkout {
  let commits = 0;
  return {
    root,
    commit(change = (source) => source) {
      const file = join(root, 'shop.mjs');
      commits += 1;
      writeFileSync(file, `${change(readFileSync(file, 'utf8'))}// ${commits} in ${root}\n`);
      git(root, 'commit', '-qam', `change ${commits}`);
    },
    write(files) {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
      }
      git(root, 'add', '-A');
      git(root, 'commit', '-qm', Object.keys(files).join(', '));
    },
    release(meddle, args = ['--env', 'staging']) {
      const steps = (...given: Parameters<typeof releaseTask.steps>) => {
        const made = releaseTask.steps(...given);
        if (meddle) eachStep(made.nodes, meddle);
        return made;
      };
      return runTaskForTest({ ...releaseTask, steps }, root, args);
    },
    status: () => runTaskForTest(statusTask, root, ['--env', 'staging']),
  };
}

function git(cwd: string, ...args: string[]): void {
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], { cwd });
}
