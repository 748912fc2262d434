import { execFileSync } from 'node:child_process';
import { readRunning } from './table.ts';

/**
 * When a process began, as text that never changes while it lives; undefined when there is none. With the pid it
 * names one process for good: pids are used again.
 */
export function processStart(pid: number): string | undefined {
  return process.platform === 'linux' ? readRunning(pid)?.start : startFromPs(pid);
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
