import { accessSync, constants, lstatSync, type Stats, statSync } from 'node:fs';
import { isMissing, usageError } from '@drydock/kit';

/** A file that is to hold secrets: ours alone, and no other name of something else (exit 2). One that is not there is none of that. */
export function refuseFile(file: string): void {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (!found) return;
  const us = process.geteuid?.();
  const { uid, gid, mode, nlink } = found;
  if (found.isSymbolicLink())
    throw usageError(
      'ENV_FILE_IS_LINK',
      `${file} is a link: a file would take its place, and where it leads to would keep the old values.`,
      `Name the folder that it leads to in envDirs of drydock.config.ts, or put the file itself there: ls -l ${file}`,
    );
  if (!found.isFile())
    throw usageError('ENV_FILE_IS_LINK', `${file} is no file.`, `Look at it, and move it away: ls -ld ${file}`);
  if (us !== undefined && uid !== us)
    throw usageError(
      'ENV_FILE_NOT_OURS',
      `${file} belongs to another user (uid ${uid}), and would become yours.`,
      `Run it as that user; or, if it is to be yours: sudo chown ${us} ${file}`,
    );
  if (nlink > 1)
    throw usageError(
      'ENV_FILE_IS_LINK',
      `${file} has another name besides (a hard link), which would keep the old values.`,
      `Find it (find / -xdev -samefile ${file}), and make this one a file of its own: cp -p ${file} ${file}.own && mv ${file}.own ${file}`,
    );
  // Where every user has a group of the same number, that one is the owner alone.
  if ((mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== uid))
    throw usageError(
      'ENV_FILE_OPEN',
      `Others may write ${file}: what stands in it need not be what its owner wrote.`,
      `Read it, then close it: chmod 600 ${file}`,
    );
}

/** A folder that files with secrets are written to: one that nobody else can put a file into, and that we can (exit 2). */
export function refuseFolder(folder: string): void {
  const { mode } = statOf(folder);
  // In a folder with the sticky bit (/tmp) nobody can move what is another's. What a group may write is the team's business.
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0)
    throw usageError(
      'ENV_FOLDER_OPEN',
      `Everybody may put files into ${folder}, where secrets would be written.`,
      `Close it: chmod o-w ${folder}`,
    );
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw usageError(
      'ENV_FOLDER_NOT_WRITABLE',
      `${folder} cannot be written by you (${(cause as NodeJS.ErrnoException).code}).`,
      `See whose it is, and run it as them: ls -ld ${folder}`,
    );
  }
}

function statOf(folder: string): Stats {
  try {
    return statSync(folder);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw usageError(
      'ENV_FOLDER_MISSING',
      `The folder ${folder} of envDirs is not there.`,
      'Make it, or mend envDirs of drydock.config.ts.',
    );
  }
}
