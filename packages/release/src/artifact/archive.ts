import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { OpsError } from '@drydock/kit';
import { type PackOptions, packTree, unpackTree } from './tar.ts';

const LEVEL = 3;

/** A tree as one stream of bytes, tar and zstd; `sum` is its SHA-256 once it has been read to the end. */
export function archiveOf(root: string, options: PackOptions): { bytes: AsyncIterable<Buffer>; sum(): string } {
  const total = createHash('sha256');
  const zstd = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
  pipeline(packTree(root, options), zstd, { signal: options.signal }).catch((cause) => zstd.destroy(cause));
  const bytes = async function* () {
    for await (const chunk of zstd) {
      total.update(chunk);
      yield chunk as Buffer;
    }
  };
  return { bytes: bytes(), sum: () => total.digest('hex') };
}

/** Unpacks an archive into a folder and returns the SHA-256 of all of its bytes; undefined for what is no archive. */
export async function unpackArchive(bytes: Readable, into: string, signal: AbortSignal): Promise<string | undefined> {
  const total = createHash('sha256');
  const unzipped = createZstdDecompress();
  // To the end also where the archive ends before it: what stands behind it is part of what was stored.
  const read = (async () => {
    for await (const chunk of bytes) {
      signal.throwIfAborted();
      total.update(chunk);
      if (unzipped.writable && !unzipped.write(chunk)) await settled(unzipped);
    }
    if (unzipped.writable) unzipped.end();
  })().catch((cause) => {
    unzipped.destroy(cause);
    throw cause;
  });
  const [stored, tree] = await Promise.allSettled([read, unpackTree(unzipped, into, signal)]);
  signal.throwIfAborted();
  // What kept us from reading is no word on what is stored.
  if (stored.status === 'rejected') throw stored.reason;
  if (tree.status === 'fulfilled') return total.digest('hex');
  if (isBroken(tree.reason)) return undefined;
  throw tree.reason;
}

/** It takes more, or nothing any more. */
async function settled(stream: ReturnType<typeof createZstdDecompress>): Promise<void> {
  const done = new AbortController();
  const heard = ['drain', 'close', 'error'].map((event) => once(stream, event, { signal: done.signal }));
  await Promise.race(heard).catch(() => {});
  done.abort();
  await Promise.allSettled(heard);
}

/** Neither zstd nor tar can make anything of it. */
function isBroken(cause: unknown): boolean {
  const { code = '' } = cause as NodeJS.ErrnoException;
  return cause instanceof OpsError ? code === 'TAR_FAILED' : /^(ZSTD_|Z_|ERR_|EPIPE)/.test(code);
}
