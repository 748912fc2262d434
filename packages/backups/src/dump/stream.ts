import { createHash, type Hash } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { toOpsError } from '@drydock/kit';
import { type Sealing, type SealOptions, seal } from '../crypt/seal.ts';
import type { Store, WriteOptions } from '../store/types.ts';
import type { Dumping } from './pg-dump.ts';

export interface Measured {
  bytes: number;
  sha256: string;
}

export interface StreamInput extends WriteOptions, SealOptions {
  dumping: Dumping;
  /** Sees what is in the clear; it lies in memory that is used again. */
  onPlain?(piece: Buffer): void;
}

export interface Streamed {
  plain: { bytes: number };
  stored: Measured;
  /** Stores that did not take it, and why; never all of them. */
  failed: { store: Store; error: Error }[];
}

/**
 * dump → zstd → age → every store at once, at the pace of the slowest. Nothing touches a disk in the clear, and memory
 * stays flat. A dump that fails leaves no object; a store that fails is left behind, unless it is the last.
 */
export async function streamDump(key: string, stores: Store[], input: StreamInput): Promise<Streamed> {
  const { dumping, signal } = input;
  const kill = () => dumping.kill();
  signal.addEventListener('abort', kill, { once: true });
  const [plain, stored] = [{ bytes: 0 }, new Meter()];
  try {
    const sealing = await seal(input);
    const fed = feed(dumping, sealing, (piece) => {
      plain.bytes += piece.length;
      input.onPlain?.(piece);
    });
    const failed = await writeAll(key, stores, stored.pass(sealing.sealed), input);
    await fed;
    return { plain, stored: stored.result(), failed };
  } finally {
    signal.removeEventListener('abort', kill);
    dumping.kill();
  }
}

/** A dump that failed fails what is sealed of it, however much came before. */
async function feed(dumping: Dumping, sealing: Sealing, onPlain: (piece: Buffer) => void): Promise<void> {
  try {
    await dumping.read((piece) => {
      onPlain(piece);
      return sealing.write(piece);
    });
    sealing.end();
  } catch (error) {
    sealing.end(error as Error);
  }
}

async function writeAll(
  key: string,
  stores: Store[],
  body: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<Streamed['failed']> {
  const [only] = stores;
  if (stores.length === 1 && only?.inPlace) {
    await only.write(key, body, options);
    return [];
  }
  const source = Readable.from(copied(body));
  const failed: Streamed['failed'] = [];
  const writes = stores.map(async (store) => {
    // Without a listener an error before the store reads would end the whole process.
    const branch = new PassThrough().on('error', () => {});
    // An error of the source is every branch's.
    source.on('error', (error) => branch.destroy(error));
    source.pipe(branch);
    try {
      await store.write(key, branch, options);
    } catch (error) {
      source.unpipe(branch);
      branch.destroy();
      failed.push({ store, error: error as Error });
      // Nobody is left to read what still comes.
      if (failed.length === stores.length) source.destroy();
    }
  });
  await Promise.all(writes);
  if (failed.length < stores.length) return failed;
  throw source.errored ?? toOpsError(failed[0]?.error);
}

async function* copied(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) yield Uint8Array.from(piece);
}

/** Counts and hashes what passes. */
export class Meter {
  readonly #hash: Hash = createHash('sha256');
  #bytes = 0;

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
  }

  async *pass(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of chunks) {
      this.add(chunk);
      yield chunk;
    }
  }

  result(): Measured {
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }
}
