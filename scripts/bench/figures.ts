import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { taskFile } from '@drydock/kit/cli';

/** One measured thing beside its peer, both of this run. */
export interface Figure {
  what: string;
  ours: string;
  peer: string;
  mustBe: string;
  is: string;
  /** Whether it is what it must be. */
  holds: boolean;
}

/** Measures one subject; `rounds` is how often a short thing is repeated. */
export type Bench = (options: { rounds: number; say: (text: string) => void }) => Promise<Figure[]>;

export const ROOT = join(import.meta.dirname, '../..');
export const BIN = join(ROOT, 'node_modules/.bin');

export const ms = (value: number) => `${Math.round(value).toLocaleString('en')} ms`;

/** Ours as a share of the peer's, which must not be above `most`. */
export function ratio(what: string, ours: number, peer: number, most: number): Figure {
  const share = ours / peer;
  return {
    what,
    ours: ms(ours),
    peer: ms(peer),
    mustBe: `≤ ${most}`,
    is: share.toFixed(2),
    holds: share <= most,
  };
}

export interface Command {
  program: string;
  args: string[];
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  okCodes?: number[];
}

/** Once, in milliseconds. */
export function time({ program, args, cwd = ROOT, env = process.env, okCodes = [0] }: Command): number {
  const started = performance.now();
  const { status, stderr, stdout } = spawnSync(program, args, {
    cwd,
    env: { ...env, PATH: `${BIN}:${process.env.PATH}`, CI: 'true' },
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  const took = performance.now() - started;
  if (okCodes.includes(status ?? -1)) return took;
  throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr.slice(-2_000)}${stdout.slice(-2_000)}`);
}

/** Ours alone, which must not take longer than `most`. */
export function bound(what: string, ours: number, most: number): Figure {
  return { what, ours: ms(ours), peer: '–', mustBe: `≤ ${ms(most)}`, is: ms(ours), holds: ours <= most };
}

/** Median of the rounds in milliseconds; the first, which warms caches, is left out. */
export async function median(rounds: number, command: () => Promise<Command> | Command): Promise<number> {
  const [one] = await medians(rounds, [command]);
  return one;
}

/** The same of each, taken in turns: what else the machine does meanwhile hits all of them alike. */
export async function medians<const C extends readonly (() => Promise<Command> | Command)[]>(
  rounds: number,
  commands: C,
): Promise<{ -readonly [K in keyof C]: number }> {
  const times: number[][] = commands.map(() => []);
  for (let round = 0; round <= rounds; round++)
    for (const [at, command] of commands.entries()) times[at]?.push(time(await command()));
  return times.map((all) => middle(all.slice(1))) as { -readonly [K in keyof C]: number };
}

export function middle(times: number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

/** A task, by its name, as the npm scripts start it. */
export function task(name: string, args: string[], rest: Partial<Command> = {}): Command {
  const preload = join(ROOT, 'scripts/first.cjs');
  return {
    program: join(BIN, 'node'),
    args: ['--require', preload, taskFile(name), ...args],
    okCodes: [0, 3],
    ...rest,
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'drydock-bench-cache'), ...process.env, ...rest.env },
  };
}
