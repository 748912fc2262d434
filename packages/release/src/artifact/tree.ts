import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { OpsError } from '@drydock/kit';

/** What is in a tree, as far as it counts: neither times nor owners, and of the mode only whether it can be run. */
export interface TreeEntry {
  /** From the root, with `/`. */
  path: string;
  kind: 'file' | 'program' | 'link' | 'folder';
  bytes: number;
  /** As chmod says it. */
  mode: number;
  /** Of a link. */
  target: string;
}

/** Each folder before what is in it, by name: the same order wherever the tree lies. */
export function* walkTree(root: string, below = ''): Generator<TreeEntry> {
  const names = readdirSync(join(root, below)).sort((a, b) => (a < b ? -1 : 1));
  for (const name of names) {
    const path = below ? `${below}/${name}` : name;
    const entry = entryOf(root, path);
    yield entry;
    if (entry.kind === 'folder') yield* walkTree(root, path);
  }
}

function entryOf(root: string, path: string): TreeEntry {
  const full = join(root, path);
  const stat = lstatSync(full);
  const mode = stat.mode & 0o7777;
  if (stat.isDirectory()) return { path, kind: 'folder', bytes: 0, mode, target: '' };
  if (stat.isSymbolicLink()) return { path, kind: 'link', bytes: 0, mode, target: readlinkSync(full) };
  if (stat.isFile()) return { path, kind: mode & 0o100 ? 'program' : 'file', bytes: stat.size, mode, target: '' };
  throw new OpsError({
    code: 'ARTIFACT_ODD_FILE',
    message: `${path} in ${root} is neither a file nor a folder nor a link (a socket, a pipe or a device): it cannot be part of an artefact.`,
    hint: 'Have the build remove it, or name it in release.artifact.exclude.',
  });
}
