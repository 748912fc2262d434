import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * When a process began, as text that never changes while it lives; undefined when there is none. With the pid it
 * names one process for good: pids are used again.
 */
export function processStart(pid: number): string | undefined {
  try {
    // Field 22 of /proc/<pid>/stat: start time in clock ticks since boot (proc(5)); the name before it may hold spaces.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return process.platform === 'linux' ? undefined : startFromPs(pid);
  }
}

export function isSameProcess(pid: number, start: string): boolean {
  // Without a start time it could be anybody.
  return start !== '' && processStart(pid) === start;
}

function startFromPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    // ps exits 1 when there is no such process.
    return undefined;
  }
}
