// Disturbs a process at a chosen system call, by strace: nothing in what is tested knows of it. Linux alone has that.
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRunning } from '../process/table.ts';
import { findTool } from '../process/tools.mjs';

/** What changes the disk for good, or takes away from it. */
const CALLS = [
  ...['fsync', 'fdatasync', 'ftruncate', 'rename', 'renameat', 'renameat2', 'link', 'linkat'],
  ...['unlink', 'unlinkat', 'mkdir', 'mkdirat', 'rmdir'],
];

/** So long a process is held at a call until it is killed. */
const HELD_MS = 60_000;
const LOOK_MS = 5;

/** One call of a process' main thread, by which it can be found again in a second process that does the same. */
export interface DiskCall {
  name: string;
  /** Which of that name, from 1. */
  nth: number;
  /** The file, or both of them. */
  paths: readonly string[];
}

type Which = Pick<DiskCall, 'name' | 'nth'>;

/** Nothing can be disturbed here. */
export const straceIsMissing = (): boolean => process.platform !== 'linux' || findTool('strace') === undefined;

/** For `through` of taskProcesses: the process runs as ever, and `calls` tells afterwards what it asked of the disk, in order. `more`: other calls, such as `write`. */
export function tracingDisk(more: readonly string[] = []): { through: string[]; calls(): DiskCall[] } {
  const log = newLog();
  // `?`: not every machine has each.
  const traced = [...CALLS, ...more].map((name) => `?${name}`).join(',');
  return {
    through: [...straced(log, traced), '-y', '-s', '4096'],
    calls: () => callsIn(readFileSync(log, 'utf8')),
  };
}

/**
 * Killed (SIGKILL) before this call, which then never happens, or right after it. `during` waits for what runs so, and tells whether it came
 * to that.
 */
export function killedAt(
  { name, nth }: Which,
  when: 'before' | 'after',
): { through: string[]; during(work: Promise<unknown>): Promise<boolean> } {
  const log = newLog();
  const delay = when === 'before' ? 'delay_enter' : 'delay_exit';
  return {
    // A signal that strace sends by itself is lost where it stops at nothing but what is traced.
    through: [...straced(log, name), '-e', `inject=${name}:${delay}=${HELD_MS * 1_000}:when=${nth}`],
    async during(work) {
      let [ended, killed] = [false, false];
      const end = work.finally(() => {
        ended = true;
      });
      end.catch(() => {});
      for (; !ended && !killed; await sleep(LOOK_MS)) {
        const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
        const main = heldIn(text, { name, nth }, when);
        if (main === undefined) continue;
        const tracer = readRunning(main)?.parent;
        process.kill(main, 'SIGKILL');
        // It would wait until its time is over.
        if (tracer !== undefined) process.kill(tracer, 'SIGKILL');
        killed = true;
      }
      await end;
      return killed;
    },
  };
}

/**
 * This call fails, once; `hit` tells afterwards which one it was. With `of` the calls to this file alone count, whose name may hold the process' id, as
 * `$$`: what Node writes to its sockets and its own threads is not the same each time.
 */
export function failingAt(
  { name, nth, of }: Which & { of?: string },
  error: 'EIO' | 'ENOSPC',
): { through: string[]; hit(): DiskCall | undefined } {
  const log = newLog();
  const failing = ['-y', '-s', '0', '-e', `inject=${name}:error=${error}:when=${nth}`];
  const [program = '', ...args] = straced(log, name);
  // -D: the process keeps the id that the shell had, which then becomes it.
  const shell = 'of="$1$$$2"; shift 2; exec "$0" -D -P "$of" "$@"';
  const [before = '', after = ''] = of?.split('$$') ?? [];
  const named = ['/bin/sh', '-c', shell, program, before, after, ...args, ...failing];
  return {
    through: of === undefined ? [program, ...args, ...failing] : named,
    hit: () => callsIn(readFileSync(log, 'utf8')).find(({ injected }) => injected),
  };
}

function newLog(): string {
  return join(mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-strace-')), 'calls');
}

/**
 * Stopped at nothing but what is traced: else it runs several times as long. The first line tells the process. What Node keeps compiled it
 * keeps by calls of its own, once.
 */
function straced(log: string, traced: string): string[] {
  const env = ['-E', 'NODE_DISABLE_COMPILE_CACHE=1'];
  return [
    findTool('strace') ?? 'strace',
    '-f',
    '-qq',
    '--seccomp-bpf',
    ...env,
    '-o',
    log,
    '-e',
    `trace=execve,${traced}`,
  ];
}

/** The process, once it is held there. What others do meanwhile stands between the two halves of its line. */
function heldIn(text: string, { name, nth }: Which, when: 'before' | 'after'): number | undefined {
  const [main] = /^\d+/.exec(text) ?? [];
  const lines = text.split('\n').filter((line) => line.split(/ +/, 1)[0] === main);
  const begins = lines.flatMap((line, i) => (line.replace(/^\d+ +/, '').startsWith(`${name}(`) ? [i] : []))[nth - 1];
  if (begins === undefined) return undefined;
  const [line = '', ...later] = lines.slice(begins);
  const end = later.find((one) => one.includes(`<... ${name} resumed>`)) ?? line;
  const isHeld = when === 'before' ? !/\) += /.test(end) : end.endsWith('(DELAYED)');
  return isHeld ? Number(main) : undefined;
}

/** Of the main thread: strace counts each call of each thread for itself. */
function callsIn(log: string): (DiskCall & { injected: boolean })[] {
  const calls: (DiskCall & { injected: boolean })[] = [];
  const counts = new Map<string, number>();
  const main = /^\d+/.exec(log)?.[0];
  for (const line of log.split('\n')) {
    const [, pid, name = '', rest = ''] = /^(\d+) +(?:(\w+)\(|<\.\.\. \w+ resumed>)(.*)$/.exec(line) ?? [];
    if (pid === undefined || pid !== main || name === 'execve') continue;
    const injected = line.endsWith('(INJECTED)');
    const last = calls.at(-1);
    // The second half of its line.
    if (name === '' && last) last.injected ||= injected;
    if (name === '') continue;
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    // What is written stands there as well, behind the file.
    const [, open] = /^\d+<(\/[^>]*)>/.exec(rest) ?? [];
    const named = [...rest.matchAll(/"(\/[^"]*)"/g)].map(([, path = '']) => path);
    calls.push({ name, nth, paths: open === undefined ? named : [open], injected });
  }
  return calls;
}
