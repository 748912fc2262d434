import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A private folder that is named after this process; what killed processes left under the same `kind` goes first. */
export async function makeTemporary(kind: string): Promise<string> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(kind) ? Number(name.slice(kind.length).split('-')[0]) : 0;
    if (pid > 0 && !isAlive(pid)) await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
  return mkdtemp(join(tmpdir(), `${kind}${process.pid}-`));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
