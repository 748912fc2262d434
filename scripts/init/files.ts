import { lstatSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isMissing, usageError } from '@drydock/kit';

/** The product's folder, read. Paths are relative to it. */
export class Folder {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  at(...path: string[]): string {
    return join(this.root, ...path);
  }

  name(path: string): string {
    return relative(this.root, path) || '.';
  }

  /** Undefined where there is none; a byte order mark is left out. One that is there and cannot be read is refused by name (exit 2). */
  text(path: string): string | undefined {
    try {
      return readFileSync(this.at(path), 'utf8').replace(/^\uFEFF/, '');
    } catch (cause) {
      if (isMissing(cause)) return undefined;
      throw unreadable(path, cause);
    }
  }

  has(path: string): boolean {
    return lstatSync(this.at(path), { throwIfNoEntry: false }) !== undefined;
  }

  isFolder(path: string): boolean {
    return lstatSync(this.at(path), { throwIfNoEntry: false })?.isDirectory() === true;
  }
}

export function unreadable(path: string, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  return usageError(
    'FILE_UNREADABLE',
    `${path} cannot be read (${code ?? message}).`,
    'Make it readable, then run it again.',
  );
}
