import { createHash, hash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import { walkTree } from './tree.ts';

export interface TreeHash {
  digest: string;
  files: number;
  bytes: number;
}

/** Larger ones are streamed. */
const AT_ONCE = 4 * 1024 ** 2;
/** After so many the process hears its signals again. */
const BREATH = 200;

/**
 * Digest of a folder: SHA-256 over kind, content and path of everything in it, installed dependencies included; independent of times,
 * owners, the umask and the order of the file system. `each` hears the sum of every file, to find out where two trees differ.
 */
export async function hashTree(
  root: string,
  signal?: AbortSignal,
  each: (path: string, sum: string) => void = () => {},
): Promise<TreeHash> {
  const total = createHash('sha256');
  let [files, bytes, seen] = [0, 0, 0];
  for (const { path, kind, bytes: size, target } of walkTree(root)) {
    if (++seen % BREATH === 0) {
      await breathe();
      signal?.throwIfAborted();
    }
    const isFile = kind === 'file' || kind === 'program';
    const content = isFile ? await hashFile(join(root, path), size) : target;
    // No path and no target of a link has a NUL in it.
    total.update(`${kind}\0${content}\0${path}\0`);
    each(path, `${kind} ${content}`);
    if (!isFile) continue;
    files += 1;
    bytes += size;
  }
  return { digest: total.digest('hex'), files, bytes };
}

async function hashFile(file: string, size: number): Promise<string> {
  if (size <= AT_ONCE) return hash('sha256', readFileSync(file));
  const sum = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), sum);
  return sum.digest('hex');
}
