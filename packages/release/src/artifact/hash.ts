import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

export interface TreeHash {
  hash: string;
  files: number;
  bytes: number;
}

/**
 * Content hash of a folder: independent of times, owners and the order of the file system. `node_modules` are left
 * out (the lockfile, which is in, pins them by integrity hash).
 */
export async function hashTree(folder: string): Promise<TreeHash> {
  const total = createHash('sha256');
  let files = 0;
  let bytes = 0;
  for await (const path of walk(folder, '')) {
    const full = join(folder, path);
    const stat = await lstat(full);
    const mode = stat.mode & 0o111 ? 'x' : '-';
    const content = stat.isSymbolicLink() ? `link:${await readlink(full)}` : await hashFile(full);
    total.update(`${mode} ${content} ${path}\n`);
    files += 1;
    bytes += stat.size;
  }
  return { hash: total.digest('hex'), files, bytes };
}

async function* walk(root: string, below: string): AsyncGenerator<string> {
  const entries = await readdir(join(root, below), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name === 'node_modules') continue;
    const path = below ? `${below}/${entry.name}` : entry.name;
    if (entry.isDirectory()) yield* walk(root, path);
    else yield path;
  }
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
