import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSameProcess, processStart, runningProcesses, temporaryFolder } from '@drydock/kit';

/** In memory, where there is room for it: what is written there is on no disk. */
const SHARED_MEMORY = '/dev/shm';
/** statfs(2): TMPFS_MAGIC. */
const TMPFS = 0x01021994;
const ENDS_WITHIN_MS = 2_000;
const LOOK_MS = 50;
/** In the environment of an editor, and so of whatever it begins. */
export const MARK = 'DRYDOCK_EDIT';

/** A file in it that says what is edited there. */
export const ABOUT = 'about.json';

/** Of one process: its pid and when it began, by which it is known to be gone. */
const NAME = /^drydock-edit-(\d+)-(\d+)-(\d+)-/;

function bases(): string[] {
  return [...new Set([SHARED_MEMORY, tmpdir()])].filter((base) =>
    lstatSync(base, { throwIfNoEntry: false })?.isDirectory(),
  );
}

/** A folder for plain text that nobody else can enter; in memory where the machine has that. */
export function makePrivateFolder(): string {
  const us = process.geteuid?.() ?? 0;
  const name = `drydock-edit-${us}-${process.pid}-${processStart(process.pid) ?? '0'}-`;
  return mkdtempSync(join(inMemory() ? SHARED_MEMORY : temporaryFolder(), name));
}

function inMemory(): boolean {
  try {
    return statfsSync(SHARED_MEMORY).type === TMPFS;
  } catch {
    // No such folder on this system.
    return false;
  }
}

/** Folders of ours whose process is gone, and which no editor has any more: what a kill has left. */
export function leftFolders(): string[] {
  const us = process.geteuid?.() ?? 0;
  return bases().flatMap((base) =>
    readdirSync(base).flatMap((name) => {
      const [, uid, pid, start = ''] = NAME.exec(name) ?? [];
      const folder = join(base, name);
      const found = lstatSync(folder, { throwIfNoEntry: false });
      if (pid === undefined || Number(uid) !== us || !found?.isDirectory() || found.uid !== us) return [];
      return isSameProcess(Number(pid), start) || isInUse(folder) ? [] : [folder];
    }),
  );
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Does a process still have it, one that an editor has begun and left behind? */
export function isInUse(folder: string): boolean {
  return usersOf(folder).length > 0;
}

/** Ends what an editor has begun, and kills what does not hear. */
export async function endUsers(folder: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const pid of usersOf(folder)) tell(pid, signal);
    for (const deadline = Date.now() + ENDS_WITHIN_MS; Date.now() < deadline; await sleep(LOOK_MS))
      if (!isInUse(folder)) return;
  }
}

function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** Only Linux tells. */
function usersOf(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  return runningProcesses().flatMap(({ pid }) => {
    if (pid === process.pid) return [];
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${MARK}=${folder}`) ? [pid] : [];
    } catch {
      // It has ended, or is another user's.
      return [];
    }
  });
}
