import { basename } from 'node:path';
import { usageError } from '@drydock/kit';

/** A file that a task prints for somebody to put where it belongs. Its comments begin with `#`. */
export interface PrintedFile {
  path: string;
  text: string;
}

/** All of them, each under its path as `systemctl cat` does it; or the one that is named, alone. */
export function printFiles(files: PrintedFile[], only: string | undefined, task: string): string {
  const chosen = only === undefined ? files : files.filter(({ path }) => only === path || only === basename(path));
  if (chosen.length === 0)
    throw usageError(
      'FILE_UNKNOWN',
      `There is no "${only}" among what ${task} prints.`,
      `It prints ${files.map(({ path }) => basename(path)).join(', ')}.`,
    );
  if (files.length === 1 || only !== undefined) return chosen.map(({ text }) => text.trimEnd()).join('\n');
  return chosen.map(({ path, text }) => `# ${path}\n${text.trimEnd()}`).join('\n\n');
}
