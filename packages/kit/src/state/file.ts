import { closeSync, constants, type Dirent, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { z } from 'zod';
import { renameDurably } from '../durable.ts';
import { isMissing } from '../errors.ts';
import { note } from './notices.ts';

/**
 * A JSON file of the state, as its schema has it. One that cannot be that is set aside and told of by name; one of another user
 * is left where it is, told of, and not believed. Either way it is as if there were none.
 */
export function readStateFile<S extends z.ZodType>(file: string, schema: S): z.output<S> | undefined {
  const text = readOwn(file);
  if (text === undefined) return undefined;
  const read = schema.safeParse(parsed(text));
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  setAside(file, issue?.path.length ? `has a wrong ${issue.path.join('.')}` : 'is not what it should be');
  return undefined;
}

/** The text of a file that is ours or the system administrator's. A link is not followed. */
export function readOwn(file: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (isMissing(cause)) return undefined;
    if (code === 'ELOOP') setAside(file, 'is a link');
    else if (code === 'EACCES' || code === 'EPERM')
      note(`${file} is another user's and cannot be read; it is left out.`);
    else throw cause;
    return undefined;
  }
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) {
      setAside(file, 'is no file');
      return undefined;
    }
    if (isBelieved(found.uid)) return readFileSync(fd, 'utf8');
    note(`${file} is another user's (uid ${found.uid}); it is left out, and nothing of it is believed.`);
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** What lies in a folder of the state; nothing where there is none, or it is another user's and closed. */
export function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EACCES')
      note(`${folder} is another user's and cannot be read; it is left out.`);
    // Something else in its place the first write will name.
    else if (!isMissing(cause)) throw cause;
    return [];
  }
}

/** Renames what cannot be believed, so that it is not looked at again, and has the operator told. */
export function setAside(file: string, why: string): void {
  try {
    renameDurably(file, `${file}.set-aside`);
    note(`${file} ${why}; it is set aside as ${basename(file)}.set-aside, and nothing of it is believed.`);
  } catch (cause) {
    note(
      `${file} ${why}; nothing of it is believed. It could not be set aside (${(cause as NodeJS.ErrnoException).code}).`,
    );
  }
}

function isBelieved(owner: number): boolean {
  const us = process.geteuid?.();
  return us === undefined || owner === us || owner === 0;
}

/** Undefined, which fits no schema, where it is no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // That it cannot be read is the answer.
    return undefined;
  }
}
