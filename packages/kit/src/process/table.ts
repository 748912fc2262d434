import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** One of the machine's processes, as it was a moment ago. One that has ended and waits for its parent is left out. */
export interface Running {
  pid: number;
  parent: number;
  group: number;
  /** Names it for good, with the pid: pids are used again. */
  start: string;
}

export function runningProcesses(): Running[] {
  if (process.platform !== 'linux') return fromPs();
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readRunning(Number(name)))
    .filter((running) => running !== undefined);
}

export function readRunning(pid: number): Running | undefined {
  const read = readEntry(pid);
  return read?.ended ? undefined : read;
}

/** What it was started with, to the byte; nothing of one that has ended, and none but on Linux (proc(5), cmdline). */
export function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/** Also of one that has ended and waits for its parent: to `kill(pid, 0)`, and so to whoever left a lock file, it is still there. */
export function isTakenOff(pid: number, start: string): boolean {
  return process.platform !== 'linux' || readEntry(pid)?.start !== start;
}

/** proc(5), /proc/<pid>/stat: the fields after the name, which may hold spaces. */
function readEntry(pid: number): (Running & { ended: boolean }) | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent, group, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Field 22: start time in clock ticks since boot.
    const start = rest[16] ?? '';
    return { pid, parent: Number(parent), group: Number(group), start, ended: 'ZX'.includes(state) };
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

function fromPs(): Running[] {
  const text = execFileSync('ps', ['-axo', 'pid=,ppid=,pgid=,stat=,lstart='], { encoding: 'utf8' });
  return text
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line) ?? [])
    .filter(([, pid, , , state]) => pid !== undefined && !state?.startsWith('Z'))
    .map(([, pid, parent, group, , start = '']) => ({
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      start,
    }));
}
