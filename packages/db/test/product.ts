import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { writeMigration } from './world.ts';

const SCRIPTS = join(import.meta.dirname, '../scripts');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A stranger's product with these migrations, whose tasks run as processes. */
export function makeProduct(url: string, schema: string, migrations: Record<string, string>, config: object = {}) {
  const root = makeStrangeProduct(config, { OPS_DATABASE_URL: url });
  mkdirSync(join(root, 'prisma'));
  writeFileSync(join(root, 'prisma/schema.prisma'), `datasource db {\n  provider = "postgresql"\n}\n${schema}`);
  for (const [name, sql] of Object.entries(migrations)) writeMigration(join(root, 'prisma'), name, sql);
  const start = (script: string, ...args: string[]): ChildProcess =>
    spawn(process.execPath, [join(SCRIPTS, script), ...(args.includes('--env') ? [] : ['--env', 'staging']), ...args], {
      cwd: root,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        CI: 'true',
        // As the npm scripts do: half of a start is compiling.
        NODE_COMPILE_CACHE: join(tmpdir(), 'drydock-test-compile-cache'),
      },
    });
  return {
    root,
    start,
    async run(script: string, ...args: string[]): Promise<Ended> {
      const child = start(script, ...args);
      const said = { stdout: '', stderr: '' };
      child.stdout?.on('data', (chunk) => (said.stdout += chunk));
      child.stderr?.on('data', (chunk) => (said.stderr += chunk));
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, ...said };
    },
    journal: () => readJournal(root),
    /** Another migration, or the down.sql of one. */
    write(name: string, sql: string | undefined, down: string): void {
      if (sql !== undefined) writeMigration(join(root, 'prisma'), name, sql);
      writeFileSync(join(root, 'prisma/migrations', name, 'down.sql'), down);
    },
  };
}

export type Product = ReturnType<typeof makeProduct>;

/** The lines of the newest run's journal. */
function readJournal(root: string): { event: string; step?: string }[] {
  const runs = join(root, '.drydock/runs');
  const newest = existsSync(runs) ? readdirSync(runs).sort().at(-1) : undefined;
  const file = newest ? join(runs, newest, 'journal.jsonl') : undefined;
  if (!file || !existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line));
}

/** Kills the task (SIGKILL) as soon as its journal has this many lines. False if it ended before. */
export async function killAt(product: Product, lines: number, script: string, ...args: string[]): Promise<boolean> {
  const child = product.start(script, ...args);
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = once(child, 'close');
  while (child.exitCode === null && product.journal().length < lines) await new Promise((done) => setTimeout(done, 4));
  const killed = child.kill('SIGKILL');
  await ended;
  return killed;
}
