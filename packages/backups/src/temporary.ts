import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OpsError, temporaryFolder } from '@drydock/kit';

/** A private folder that is named after this process; what killed processes left under the same `kind` goes first. */
export async function makeTemporary(kind: string): Promise<string> {
  for (const name of await readdir(temporaryFolder())) {
    const pid = name.startsWith(kind) ? Number(name.slice(kind.length).split('-')[0]) : 0;
    if (pid > 0 && !isAlive(pid)) await rm(join(temporaryFolder(), name), { recursive: true, force: true });
  }
  return mkdtemp(join(temporaryFolder(), `${kind}${process.pid}-`));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What could not be written there, in one sentence; anything else as it is. */
export function temporaryFull(cause: unknown, what: string, instead?: string): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return cause;
  return new OpsError({
    code: 'TEMPORARY_FULL',
    message: `${temporaryFolder()} has no room for ${what}.`,
    hint: `Free space, or name a larger folder: TMPDIR=/var/tmp${instead === undefined ? '' : `; ${instead}`}`,
    cause,
  });
}
