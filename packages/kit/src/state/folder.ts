import { createHash } from 'node:crypto';
import { accessSync, chmodSync, constants, lstatSync, type Stats } from 'node:fs';
import { homedir } from 'node:os';
import { basename, isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import { makeFolder, writeDurably } from '../durable.ts';
import { isMissing, type OpsError, usageError } from '../errors.ts';
import type { Hint } from '../hint.ts';
import { setAside } from './file.ts';
import { note } from './notices.ts';

const NAME = '.drydock';

/**
 * Where the state of whoever runs this lies: `.drydock/` of the product, or, where that is another user's, `.drydock-<uid>/`, as in a
 * second checkout. What is in another user's is neither read nor written. A link in its place is refused (STATE_NOT_OURS, exit 2). Where there is
 * none and none can be made, since the product's folder is not ours to write to, it is a folder of our home.
 */
export function stateFolder(root: string): string {
  const shared = join(root, NAME);
  const [us, owner] = [process.geteuid?.(), ownerOf(shared)];
  if (owner === undefined) return isClosed(root) ? (inHome(root) ?? shared) : shared;
  if (us === undefined || owner === us) return shared;
  const own = `${shared}-${us}`;
  const found = ownerOf(own);
  if (found === undefined && isClosed(root)) return inHome(root) ?? own;
  const other = found ?? us;
  if (other !== us) throw notOurs(own, `belongs to another user (uid ${other})`);
  note(
    `${shared} is another operator's (uid ${owner}); what you do is kept in ${basename(own)}, and seen by you alone.`,
  );
  return own;
}

/** For a task whose work is a file there: before it begins. */
export function refuseClosed(folder: string, next: Hint): void {
  const why = closedBy(folder);
  if (why !== undefined)
    throw usageError('FOLDER_NOT_WRITABLE', `${folder} cannot be written by you (${why}); nothing was begun.`, next);
}

/** Of a folder that is there, and in which we can make nothing: the code of the error that says so. */
function closedBy(folder: string): string | undefined {
  try {
    accessSync(folder, constants.W_OK);
    return undefined;
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    return ['EACCES', 'EPERM', 'EROFS'].includes(code) ? code : undefined;
  }
}

const isClosed = (folder: string) => closedBy(folder) !== undefined;

/** Of one product, by its path: `~/.local/state/drydock/shop-0a1b2c3d4e5f`. Undefined for a user without a home. */
function inHome(root: string): string | undefined {
  const place = createHash('sha256').update(resolve(root)).digest('hex').slice(0, 12);
  try {
    const given = process.env.XDG_STATE_HOME ?? '';
    const state = isAbsolute(given) ? given : join(homedir(), '.local/state');
    return join(state, 'drydock', `${basename(resolve(root))}-${place}`);
  } catch {
    // A container's uid may have none.
    return undefined;
  }
}

/** A file or folder of the state. No name leads out of it. */
export function statePath(root: string, ...names: string[]): string {
  for (const name of names)
    if (!isPlainName(name)) throw usageError('NAME_NOT_PLAIN', `"${name}" cannot be the name of a file.`);
  return join(stateFolder(root), ...names);
}

/** One name, which is no way to somewhere else. */
export function isPlainName(name: string): boolean {
  return /^[^/\\\0]{1,250}$/.test(name) && name !== '.' && name !== '..';
}

/** A path of the config: what it names below `.drydock/` lies in the state of whoever runs this. */
export function configuredPath(root: string, path: string): string {
  const [first, ...rest] = normalize(path).split(sep);
  return first === NAME ? join(stateFolder(root), ...rest) : resolve(root, path);
}

/** A folder of the state, made and closed to everybody else whatever the umask says; git is told to ignore the state. */
export function makeStateFolder(root: string, ...names: string[]): string {
  statePath(root, ...names);
  let folder = stateFolder(root);
  if (!folder.startsWith(join(root, NAME)))
    note(`${root} cannot be written by you; what you do is kept in ${folder}, and seen by you alone.`);
  makePrivate(folder);
  const ignore = join(folder, '.gitignore');
  if (!lstatSync(ignore, { throwIfNoEntry: false })) writeDurably(ignore, '*\n');
  for (const name of names) {
    folder = join(folder, name);
    // From when two users shared one state: it is the other's, and in our way.
    const [owner, us] = [ownerOf(folder), process.geteuid?.()];
    if (owner !== undefined && us !== undefined && owner !== us)
      setAside(folder, `belongs to another user (uid ${owner})`);
    makePrivate(folder);
  }
  return folder;
}

/** A folder that the config names: below the state it is private, elsewhere it is the product's. */
export function makeConfiguredFolder(root: string, path: string): string {
  const below = relative(stateFolder(root), path);
  if (below === '..' || below.startsWith(`..${sep}`)) makeFolder(path);
  else makeStateFolder(root, ...below.split(sep).filter(Boolean));
  return path;
}

/** One that is there must be ours, no link, and is closed to everybody else. */
export function makePrivate(folder: string): void {
  const owner = ownerOf(folder);
  if (owner === undefined && lstatOf(folder))
    throw Object.assign(new Error(`${folder} is no folder`), { code: 'ENOTDIR' });
  makeFolder(folder);
  const us = process.geteuid?.();
  if (us === undefined) return;
  if (owner !== undefined && owner !== us) throw notOurs(folder, `belongs to another user (uid ${owner})`);
  if ((lstatSync(folder).mode & 0o077) !== 0) chmodSync(folder, 0o700);
}

/** Undefined if there is nothing, or no folder: what is made there will say so. */
function ownerOf(folder: string): number | undefined {
  const found = lstatOf(folder);
  if (found?.isSymbolicLink()) throw notOurs(folder, 'is a link');
  return found?.isDirectory() ? found.uid : undefined;
}

function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}

function notOurs(path: string, why: string): OpsError {
  return usageError(
    'STATE_NOT_OURS',
    `${path} ${why}: what lies in it is not believed, and nothing is written there.`,
    `Find out who put it there, then move it away: mv ${path} ${path}.set-aside`,
  );
}
