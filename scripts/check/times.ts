import { existsSync, readFileSync, rmSync } from 'node:fs';

const LONGEST = 12;

/** Of a suite, in milliseconds. */
export interface Took {
  suite: { name: string };
  ms: number;
  /** What it and all that it waited for used of the cores; undefined where it was killed. */
  cpuMs: number | undefined;
}

/** The one program that every system has and that tells what its children used, with all of theirs that were waited for. */
export function timed(command: string, args: readonly string[], file: string): [string, string[]] {
  return ['sh', ['-c', '"$@"; code=$?; times > "$0"; exit $code', file, command, ...args]];
}

/** Of the cores, in milliseconds; undefined where it was killed. */
export function takeTimes(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const times = readFileSync(file, 'utf8').matchAll(/(\d+)m([\d.]+)s/g);
  rmSync(file);
  return 1_000 * [...times].reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0);
}

/** Which suites a run owes its length to, the dearest first. */
export function tellLongest(outcomes: readonly Took[]): string[] {
  const used = outcomes.reduce((sum, { cpuMs = 0 }) => sum + cpuMs, 0);
  const longest = outcomes.toSorted((a, b) => costOf(b) - costOf(a)).slice(0, LONGEST);
  return [
    `What took longest, of ${inSeconds(used)} of the cores:`,
    ...longest.map(
      ({ suite, ms, cpuMs }) => `${inSeconds(cpuMs).padStart(9)} of the cores, ${inSeconds(ms)} in all  ${suite.name}`,
    ),
  ];
}

function costOf({ ms, cpuMs = ms }: Took): number {
  return cpuMs;
}

function inSeconds(ms: number | undefined): string {
  return ms === undefined ? '?' : `${(ms / 1_000).toFixed(1)} s`;
}
