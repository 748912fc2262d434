import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, lutimesSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { exec, isMissing, makePrivate, renameDurably, temporaryFolder } from '@drydock/kit';
import { hashTree } from './hash.ts';
import { walkTree } from './tree.ts';

/** That which is live and the next one. */
const KEPT = 2;

/** `<tmp>/drydock-build-<uid>`: of this user alone. */
export function workRoot(): string {
  const root = join(realpathSync(temporaryFolder()), `drydock-build-${process.getuid?.() ?? 0}`);
  makePrivate(root);
  return root;
}

/**
 * Trees that were built or unpacked on this machine last: linked, where the file system can, they are there in a moment. Each is
 * compared with its digest before it is used, for what runs from it could have been written to.
 */
export async function takeNearby(digest: string, into: string, signal: AbortSignal): Promise<boolean> {
  const tree = join(treesFolder(), digest);
  if (!existsSync(tree)) return false;
  const found = await hashTree(tree, signal).catch((error: unknown) => {
    // Another checkout has built since, and needs the room.
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (found?.digest !== digest) {
    rmSync(tree, { recursive: true, force: true });
    return false;
  }
  return linked(tree, into, signal);
}

/** A built tree is moved there, within the same folder of work, once it is as it would be unpacked: `time` in seconds since 1970. */
export function moveNearby(tree: string, digest: string, time: number): void {
  const there = join(treesFolder(), digest);
  if (existsSync(there)) return;
  for (const { path, kind, mode } of walkTree(tree)) {
    const full = join(tree, path);
    const wanted = kind === 'file' ? 0o644 : 0o755;
    if (kind !== 'link' && mode !== wanted) chmodSync(full, wanted);
    lutimesSync(full, time, time);
  }
  renameDurably(tree, there);
  prune();
}

/** What was unpacked elsewhere is linked there, where that can be. */
export async function linkNearby(tree: string, digest: string, signal: AbortSignal): Promise<void> {
  const there = join(treesFolder(), digest);
  if (existsSync(there)) return;
  const part = join(treesFolder(), `.${digest.slice(0, 12)}.${randomBytes(4).toString('hex')}`);
  if (!(await linked(tree, part, signal)) || existsSync(there)) {
    rmSync(part, { recursive: true, force: true });
    return;
  }
  renameDurably(part, there);
  prune();
}

function treesFolder(): string {
  const folder = join(workRoot(), 'trees');
  makePrivate(folder);
  return folder;
}

/** Not across file systems, and not by every cp: then it is unpacked. */
async function linked(from: string, to: string, signal: AbortSignal): Promise<boolean> {
  try {
    await exec('cp', ['-al', from, to], { signal });
    return true;
  } catch {
    signal.throwIfAborted();
    rmSync(to, { recursive: true, force: true });
    return false;
  }
}

function prune(): void {
  const folder = treesFolder();
  const age = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.ctimeMs ?? 0;
  const newestFirst = readdirSync(folder).sort((a, b) => age(b) - age(a));
  for (const name of newestFirst.slice(KEPT)) rmSync(join(folder, name), { recursive: true, force: true });
}
