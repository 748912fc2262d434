import { existsSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { listDaemons, OpsError, stopDaemon, takeNotices } from '@drydock/kit';

/** Ends what still runs from a folder of throw-away services, by its records and by where it works, and removes the folder. */
export async function sweep(folder: string): Promise<void> {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const root = join(folder, name);
    for (const daemon of await recorded(root)) await stopDaemon(root, daemon.name, { graceMs: 2_000 });
  }
  for (const pid of workingBelow(folder)) kill(pid);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** None in a folder that a test has made one not to believe in: a link, a stranger's. */
async function recorded(root: string): Promise<{ name: string }[]> {
  try {
    return await listDaemons(root);
  } catch (error) {
    if (error instanceof OpsError && error.code === 'STATE_NOT_OURS') return [];
    throw error;
  } finally {
    // Of the state of a test's product, which is no matter of the run's.
    takeNotices();
  }
}

/** Ends a process, or with a negative number its whole group, if it is there. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Linux tells where each process works; elsewhere the records must do. */
function workingBelow(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => isBelow(folder, pid))
    .map(Number);
}

function isBelow(folder: string, pid: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${folder}/`);
  } catch {
    // It has ended meanwhile, or is not ours to look at.
    return false;
  }
}
