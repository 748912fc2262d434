import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { usageError } from '../errors.ts';
import { shellWord } from '../shell-word.ts';

/** Where what is temporary lies: TMPDIR, or the system's. One that is not there or not for us is refused by its name (exit 2). */
export function temporaryFolder(): string {
  const folder = tmpdir();
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return folder;
  } catch (cause) {
    throw usageError(
      'TEMPORARY_FOLDER_UNUSABLE',
      `The folder for temporary files, ${folder}, cannot be used (${(cause as NodeJS.ErrnoException).code}).`,
      `Make it: mkdir -p -m 700 ${shellWord(folder)}   Or set TMPDIR to another one.`,
    );
  }
}
