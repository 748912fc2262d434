import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { command, hint, isReachableByAll, OpsError, usageError, writeDurably } from '@drydock/kit';
import type { Unprivileged } from './unprivileged.ts';

/** Written last into a cluster: a killed initdb leaves one that must not be used. Holds the id of the sandbox that made it. */
const READY = 'drydock-ready';
/** In a folder elsewhere that was made for a cluster and holds nothing else. */
const MADE_FOR = 'drydock-made-for';

/**
 * Where the cluster lies. A user other than us must be able to reach it; below a private folder (a clone in /root)
 * it lies in a folder for temporary files, with a link in its place. A link that somebody else put there is followed.
 */
export function clusterFolder(wanted: string, user: Unprivileged | undefined, id: string): string {
  const linked = linkTarget(wanted);
  if (linked) return linked;
  if (!user || isReachableByAll(dirname(wanted))) return wanted;
  const elsewhere = mkdtempSync(join(folderForAll(), 'drydock-postgres-'));
  writeDurably(join(elsewhere, MADE_FOR), id);
  // One that was made while the folder was open to others moves along, with its owner and modes.
  if (isReady(wanted)) execFileSync('cp', ['-a', wanted, join(elsewhere, 'data')]);
  rmSync(wanted, { recursive: true, force: true });
  chownSync(elsewhere, user.uid, user.gid);
  symlinkSync(join(elsewhere, 'data'), wanted);
  return join(elsewhere, 'data');
}

/** Where a cluster is to be made now; undefined where there is one. One that was there and is gone is not made anew in silence. */
export function clusterToMake(wanted: string, user: Unprivileged | undefined, { hadOne }: { hadOne: boolean }) {
  const linked = linkTarget(wanted);
  const data = linked ?? wanted;
  if (isReady(data)) return undefined;
  if (hadOne)
    throw new OpsError({
      code: 'SANDBOX_DATA_GONE',
      message: `The databases of this sandbox lay in ${data}, and are there no more.`,
      hint: hint`If a disk belongs there, mount it; otherwise begin from nothing: ${command('sandbox:reset')}, then ${command('sandbox:up')}`,
    });
  return linked || !user || isReachableByAll(nearestThere(wanted)) ? data : folderForAll();
}

function nearestThere(path: string): string {
  return existsSync(path) ? path : nearestThere(dirname(path));
}

/** A folder that every user reaches: TMPDIR where that is said, otherwise one that outlives a reboot. */
function folderForAll(): string {
  const folders = [...(process.env.TMPDIR ? [process.env.TMPDIR] : []), '/var/tmp', '/tmp'];
  const found = folders.find((folder) => existsSync(folder) && isReachableByAll(realpathSync(folder)));
  if (found) return found;
  throw usageError(
    'NO_FOLDER_FOR_ALL',
    `PostgreSQL runs as another user when you are root, and that one reaches none of ${folders.join(', ')}.`,
    'Set TMPDIR to a folder that every user reaches, or run the sandbox as an ordinary user.',
  );
}

export function isReady(data: string): boolean {
  return existsSync(join(data, 'PG_VERSION')) && existsSync(join(data, READY));
}

export function markReady(data: string, id: string): void {
  writeDurably(join(data, READY), id, 0o644);
}

/** Empties the folder for a new cluster. Where a link led, whatever is in it must be a cluster that was begun for this sandbox. */
export function makeRoom(data: string, { id, linked }: { id: string; linked: boolean }): void {
  const files = existsSync(data) ? readdirSync(data) : [];
  if (linked && files.length > 0 && !holds(join(dirname(data), MADE_FOR), id))
    throw new OpsError({
      code: 'FOLDER_IN_USE',
      message: `${data} is not empty, and what is in it is no PostgreSQL cluster of the sandbox.`,
      hint: hint`Point the link .drydock/sandbox/postgres to an empty folder, or remove it, and run it again: ${command('sandbox:up')}`,
    });
  rmSync(data, { recursive: true, force: true });
}

export interface Leftovers {
  /** Folders outside of the sandbox's own that it made. */
  made: string[];
  /** Where a link leads to what it did not make: that stays. */
  foreign: string[];
}

/** What the sandbox has outside of its own folder. */
export function clusterElsewhere(wanted: string, id: string | undefined): Leftovers {
  const data = linkTarget(wanted);
  if (!data) return { made: [], foreign: [] };
  if (id && holds(join(dirname(data), MADE_FOR), id)) return { made: [dirname(data)], foreign: [] };
  if (id && holds(join(data, READY), id)) return { made: [data], foreign: [] };
  return { made: [], foreign: existsSync(data) ? [data] : [] };
}

function holds(file: string, id: string): boolean {
  return id !== '' && existsSync(file) && readFileSync(file, 'utf8') === id;
}

/** A relative link is meant from where it lies. */
function linkTarget(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isSymbolicLink() ? resolve(dirname(path), readlinkSync(path)) : undefined;
}
