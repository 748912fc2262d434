import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCRIPTS = join(import.meta.dirname, '../scripts');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts a task of this package in a product's folder, as a person would. */
export function startTask(root: string, script: string, ...args: string[]): ChildProcess {
  const env = args.includes('--env') ? [] : ['--env', 'staging'];
  return spawn(process.execPath, [join(SCRIPTS, `${script}.ts`), ...env, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      CI: 'true',
      DRYDOCK_ACTOR: 'tester',
      // As the npm scripts do: half of a start is compiling.
      NODE_COMPILE_CACHE: join(tmpdir(), 'drydock-test-compile-cache'),
    },
  });
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => (said.stdout += chunk));
  child.stderr?.on('data', (chunk) => (said.stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}

export const run = (root: string, script: string, ...args: string[]) => ended(startTask(root, script, ...args));

/** The one object on stdout, with the exit code. */
export async function ask(root: string, script: string, ...args: string[]) {
  const { code, stdout, stderr } = await run(root, script, '--json', ...args);
  if (!stdout.startsWith('{')) throw new Error(`${script} ${args.join(' ')} said no JSON: ${stdout}${stderr}`);
  return { code, stderr, ...JSON.parse(stdout) };
}

export interface JournalLine {
  event: string;
  step?: string;
  data?: Record<string, unknown>;
}

/** The lines of the newest run's journal. */
export function journalOf(root: string): JournalLine[] {
  const runs = join(root, '.drydock/runs');
  const newest = existsSync(runs) ? readdirSync(runs).sort().at(-1) : undefined;
  const file = newest ? join(runs, newest, 'journal.jsonl') : undefined;
  if (!file || !existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line));
}
