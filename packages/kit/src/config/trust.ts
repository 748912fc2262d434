import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { type OpsError, usageError } from '../errors.ts';
import { TOOLKIT } from '../toolkit.ts';

/**
 * A config is code: it runs as whoever starts a task. One that somebody else owns, or could have written or put there, is not run
 * (CONFIG_NOT_TRUSTED, exit 2). A folder that a group may write is the team's business: what a member puts there is theirs, and refused.
 * One that lies in the toolkit itself is as much to be trusted as the toolkit.
 */
export function refuseUntrusted(file: string): void {
  const real = realpathSync(file);
  // Whoever could write it there could write the code that reads it.
  if (real.startsWith(`${realpathSync(TOOLKIT)}${sep}`)) return;
  for (const path of new Set([file, real])) {
    refuseOwner(path, lstatSync(path), file);
    for (const folder of foldersAbove(path)) refuseOpenFolder(folder, file);
  }
  refuseOpenFile(real, statSync(real), file);
}

function refuseOwner(path: string, { uid }: Stats, config: string): void {
  if (believed().has(uid)) return;
  throw untrusted(
    `${path} belongs to another user (uid ${uid}).`,
    `Read it first; if it is yours: sudo chown ${process.geteuid?.() ?? 0} ${config}`,
  );
}

function refuseOpenFile(path: string, { mode, uid, gid }: Stats, config: string): void {
  // Where every user has a group of the same number, that one is the owner alone.
  const byGroup = (mode & 0o020) !== 0 && gid !== uid;
  if (!byGroup && (mode & 0o002) === 0) return;
  throw untrusted(
    `${byGroup && (mode & 0o002) === 0 ? `The group ${gid}` : 'Everybody'} may write ${path}.`,
    `Read it, then close it: chmod go-w ${config}`,
  );
}

/** In a folder with the sticky bit (/tmp) nobody can move what is another's. */
function refuseOpenFolder(folder: string, config: string): void {
  const { mode } = statSync(folder);
  if ((mode & 0o002) === 0 || (mode & 0o1000) !== 0) return;
  throw untrusted(
    `Everybody may put files into ${folder}.`,
    `Read ${config}, then close the folder: chmod o-w ${folder}`,
  );
}

function untrusted(sentence: string, hint: string): OpsError {
  return usageError(
    'CONFIG_NOT_TRUSTED',
    `${sentence} A config is code and would run as you, so it is not loaded.`,
    hint,
  );
}

/** We, the system's administrator, and who called sudo. */
function believed(): Set<number> {
  const us = process.geteuid?.() ?? 0;
  const caller = us === 0 ? Number(process.env.SUDO_UID || 0) : us;
  return new Set([us, 0, caller]);
}

function foldersAbove(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...foldersAbove(parent)];
}
