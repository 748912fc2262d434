import { basename } from 'node:path';
import { usageError } from '../errors.ts';
import { visible } from './visible.ts';

/** A file that a task prints for somebody to put where it belongs. Its comments begin with `#`. */
export interface PrintedFile {
  path: string;
  /** Each of them one line, whatever name or path stands in it: in a unit and a crontab a line more is a command more. */
  lines: readonly string[];
}

/** Lines from a template: a value takes a part of its line. */
export function linesOf(strings: TemplateStringsArray, ...values: (string | number)[]): string[] {
  return String.raw({ raw: strings }, ...values.map((value) => onOneLine(String(value)))).split('\n');
}

function onOneLine(text: string): string {
  if (visible(text) === text) return text;
  throw usageError(
    'NOT_ON_ONE_LINE',
    `"${visible(text)}" holds what no line of a file can: a newline, or a character that nobody sees.`,
    'Take it out of the flag, the path or the config that it comes from.',
  );
}

/** Each as the text that it is; refused where a line of it is none. */
export function written(files: readonly PrintedFile[]): WrittenFile[] {
  return files.map(({ path, lines }) => ({ path: onOneLine(path), text: lines.map(onOneLine).join('\n') }));
}

export interface WrittenFile {
  path: string;
  text: string;
}

/** All of them, each under its path as `systemctl cat` does it; or the one that is named, alone. */
export function printFiles(files: WrittenFile[], only: string | undefined, task: string): string {
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
