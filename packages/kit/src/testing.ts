// For tests of the other packages: steps without a task around them, and a product without a checkout.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { toOpsError } from './errors.ts';
import type { Hint } from './hint.ts';
import { createMemoryJournal } from './journal/memory-journal.ts';
import { readRuns } from './journal/read.ts';
import type { JournalEntry } from './journal/types.ts';
import type { Output } from './output/output.ts';
import { plain, type Text } from './output/text.ts';
import { withPostgres } from './postgres.ts';
import { Secret } from './secret.ts';
import { takeNotices } from './state/notices.ts';
import { isPlanned } from './steps/plan.ts';
import { runSteps } from './steps/run.ts';
import type { StepNode, StepResults } from './steps/types.ts';
import { parseTaskArgs } from './task/args.ts';
import { newRunId } from './task/change.ts';
import { executeTask } from './task/execute.ts';
import { type WordedError, type WordedOutcome, wordedError, wordedOutcome } from './task/present.ts';
import { type Typing, typed } from './task/typed.ts';
import type { AnyTask, Outcome } from './task/types.ts';
import { knowsFlag, taskFile } from './task/wired.ts';

export { canary, type Leak, LeakScan, secretsOf } from './testing/leaks.ts';

const COMPILED = join(import.meta.dirname, '../../../node_modules/.cache/drydock-tests');

/** Output that keeps what was said. */
export function silentOutput(): Output & { said: string[] } {
  const said: string[] = [];
  const keep = (text: Text) => void said.push(plain(text));
  return {
    said,
    line: keep,
    lines: (text) => void said.push(text),
    warn: keep,
    table: (header, rows) => void said.push([header, ...rows].map((row) => row.map(plain).join(' ')).join('\n')),
    progress: () => ({ update: () => {}, done: () => {}, fail: () => {} }),
    live: () => undefined,
  };
}

export const THOROUGH = process.env.DRYDOCK_THOROUGH === '1';

/**
 * What a test does in many rounds, each of them a process or two: all of them where `npm test -- --thorough` runs it,
 * otherwise `few`, spread from the first to the last.
 */
export function sampleRounds<T>(all: readonly T[], few: number): readonly T[] {
  if (THOROUGH || all.length <= few) return all;
  return Array.from({ length: few }, (_, n) => all[Math.round((n * (all.length - 1)) / (few - 1))] as T);
}

/** For tests of a minute that a neighbour covers in part: skipped, and counted so, but with `npm test -- --thorough`. */
export function whenThorough<T extends { skip: (...args: never[]) => void }>(test: T): T | T['skip'] {
  return THOROUGH ? test : test.skip;
}

/** The lines of a journal after which a run can be killed: all but the last. */
export function linesToKillAt(lines: number, few: number): readonly number[] {
  return sampleRounds(
    Array.from({ length: lines - 1 }, (_, n) => n + 1),
    few,
  );
}

/** Runs steps on a memory journal; a failure undoes nothing unless it is asked for. */
export async function runStepsForTest(
  nodes: StepNode[],
  onFailure: 'undo' | 'keep' = 'keep',
  run = newRunId(),
): Promise<{ results: StepResults; entries: JournalEntry[] }> {
  const journal = createMemoryJournal(run);
  const results = await runSteps({
    nodes,
    journal,
    before: new Map(),
    out: silentOutput(),
    signal: new AbortController().signal,
    assertLocked: async () => {},
    withoutLockSession: (work) => work(),
    audit: async () => {},
    typed,
    onFailure,
  });
  return { results, entries: journal.entries };
}

/**
 * `--plan` prints the very steps that will run. Each run keeps what it would have printed; every run of every test is compared with
 * what it then did.
 */
export function refuseUnplanned(root: string): void {
  for (const { task, start, steps } of readRuns(root)) {
    const planned = start.steps;
    if (!planned) continue;
    const untold = [...steps.keys()].filter((step) => !isPlanned(planned, step));
    if (untold.length > 0) throw new Error(`${task} took steps that its plan does not tell: ${untold.join(', ')}`);
  }
}

/** Runs a whole task on a product, in this process, the way that `main` takes: arguments, config, guard, lock, plan, journal, steps, audit. */
export async function runTaskForTest(
  task: AnyTask,
  root: string,
  argv: string[],
): Promise<{ outcome?: WordedOutcome; error?: WordedError; said: string[] }> {
  const out = silentOutput();
  const controller = new AbortController();
  const typing: Typing = { door: 'npm' };
  const say = (hint: Hint) => typed(hint, typing);
  const perform = async (one: AnyTask, args: string[]): Promise<Outcome> =>
    executeTask(one, parseTaskArgs(one, args), {
      run: newRunId(),
      argv: args,
      cwd: root,
      shell: { DRYDOCK_ACTOR: 'test' },
      out,
      signal: controller.signal,
      abort: (reason) => controller.abort(reason),
      emit: (data) => out.line(JSON.stringify(data)),
      onEnvironment: () => {},
      typing,
      interactive: true,
      handOver: perform,
    });
  try {
    return { outcome: wordedOutcome(await perform(task, argv), say), said: out.said };
  } catch (thrown) {
    return { error: wordedError(toOpsError(thrown), say), said: out.said };
  } finally {
    refuseUnplanned(root);
    out.said.push(...takeNotices(say));
  }
}

/** The hint of an error or a finding as it would be read: `npm run …`, of no environment. */
export function hintOf(of: { hint?: Hint | undefined } | undefined): string {
  return typed(of?.hint ?? '');
}

/** A folder with a plain config (all environments unguarded) and an `.env.staging`. Swept by the test runner. */
export function makeStrangeProduct(config: object, env: Record<string, string> = {}): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-product-'));
  const parity = { nodeEnv: 'production', schema: 'deploy', features: 'all', sentry: 'optional', redis: 'optional' };
  const environment = { guard: 'none', parity };
  const base = {
    product: 'strange',
    environments: { development: environment, staging: environment, production: environment },
  };
  writeFileSync(join(root, 'drydock.config.ts'), `export default ${JSON.stringify({ ...base, ...config })};\n`);
  writeFileSync(
    join(root, '.env.staging'),
    Object.entries(env)
      .map(([name, value]) => `${name}='${value}'\n`)
      .join(''),
  );
  return root;
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface JournalLine {
  event: string;
  step?: string;
  data?: Record<string, unknown>;
}

/** Tasks by their names, as processes on a product, as a person or CI runs them. */
export interface TaskProcesses {
  root: string;
  /** `--env staging` unless `args` say otherwise. */
  start(task: string, ...args: string[]): ChildProcess;
  run(task: string, ...args: string[]): Promise<Ended>;
  /** With `--json`: the one object on stdout, and the exit code. */
  // biome-ignore lint/suspicious/noExplicitAny: what a task prints is its own.
  ask(task: string, ...args: string[]): Promise<any>;
  /** Lines of the newest run's journal. */
  journal(): JournalLine[];
  /** Kills the task (SIGKILL) as soon as its journal has this many lines. False if it ended before. */
  killAt(lines: number, task: string, ...args: string[]): Promise<boolean>;
}

/**
 * The environment of a process that is to know nothing of ours. Half of a start is compiling: what was compiled is kept
 * with the checkout, as the runner of the tests does.
 */
export function bareEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE = COMPILED } = process.env;
  return { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE, ...more };
}

export function taskProcesses(root: string, env: NodeJS.ProcessEnv = {}): TaskProcesses {
  const start = (task: string, ...args: string[]): ChildProcess =>
    spawn(
      process.execPath,
      [taskFile(task), ...(args.includes('--env') || !knowsFlag(task, '--env') ? [] : ['--env', 'staging']), ...args],
      {
        cwd: root,
        env: bareEnvironment({ CI: 'true', ...env }),
      },
    );
  const run = async (task: string, ...args: string[]): Promise<Ended> => {
    const child = start(task, ...args);
    const said = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk) => (said.stdout += chunk));
    child.stderr?.on('data', (chunk) => (said.stderr += chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    refuseUnplanned(root);
    return { code, ...said };
  };
  const journal = () => readJournal(root);
  return {
    root,
    start,
    run,
    journal,
    async ask(task, ...args) {
      const { code, stdout, stderr } = await run(task, '--json', ...args);
      if (!stdout.trim()) throw new Error(`${task} printed no object: ${stderr}`);
      return { code, stderr, ...JSON.parse(stdout) };
    },
    async killAt(lines, task, ...args) {
      const child = start(task, ...args);
      child.stdout?.resume();
      child.stderr?.resume();
      const ended = once(child, 'close');
      while (child.exitCode === null && journal().length < lines) await new Promise((done) => setTimeout(done, 4));
      const killed = child.kill('SIGKILL');
      await ended;
      return killed;
    },
  };
}

function readJournal(root: string): JournalLine[] {
  const runs = join(root, '.drydock/runs');
  const newest = existsSync(runs) ? readdirSync(runs).sort().at(-1) : undefined;
  const file = newest ? join(runs, newest, 'journal.jsonl') : undefined;
  if (!file || !existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line));
}

/**
 * How long, in ms, sessions that `where` describes (by columns of pg_stat_activity) live after `ended`; the first wait is for one to be
 * there. `begun` is called then.
 */
export async function outlives(
  url: string,
  where: string,
  { begun, ended }: { begun: () => Promise<void> | void; ended: Promise<unknown> },
): Promise<number> {
  return withPostgres(new Secret(url), 'test', async (client) => {
    const isThere = async () =>
      (await client.query(`SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND ${where}`)).rowCount !== 0;
    const until = async (wanted: boolean, bound: number) => {
      for (const end = performance.now() + bound; performance.now() < end; await sleep(10))
        if ((await isThere()) === wanted) return;
      throw new Error(`after ${bound} ms: a session with ${where} is ${wanted ? 'not there' : 'still there'}`);
    };
    await Promise.race([
      until(true, 60_000),
      ended.then((how) => Promise.reject(new Error(`it ended before: ${JSON.stringify(how)}`))),
    ]);
    await begun();
    await ended;
    const since = performance.now();
    await until(false, 20_000);
    return performance.now() - since;
  });
}
