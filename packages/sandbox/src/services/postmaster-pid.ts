import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * After a crash of the machine postmaster.pid is left, and its number may be somebody else's by now: PostgreSQL would take that for itself and not
 * start. Taken away only where whoever has the number is certainly no server on this cluster.
 */
export function forgetOthersPid(data: string): void {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 1 || mayServe(pid, data)) return;
  rmSync(file, { force: true });
}

/** A server works in its data folder (PostgreSQL manual, "postmaster.pid"). Who cannot be looked at may be one. */
function mayServe(pid: number, data: string): boolean {
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
    return execFileSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }).includes('postgres');
  } catch (cause) {
    // Nobody has the number: PostgreSQL sees that itself. On Linux what is another user's cannot be asked, nor be ours.
    return (cause as NodeJS.ErrnoException).code !== 'EACCES';
  }
}
