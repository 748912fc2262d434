import { createHash, type Hash } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { constants, createZstdCompress, type ZstdCompress } from 'node:zlib';
import { toOpsError } from '@drydock/kit';
import { encrypt } from '../crypt/age.ts';
import type { Store, WriteOptions } from '../store/types.ts';
import type { Dumping } from './pg-dump.ts';

export interface Measured {
  bytes: number;
  sha256: string;
}

/** Larger pieces cost less per byte to hash and compress; a pipe gives 64 KiB at a time. */
const BATCH_BYTES = 1 << 20;
const BATCHES = 4;

export interface StreamInput extends WriteOptions {
  dumping: Dumping;
  level: number;
  recipients: string[];
  /** Sees the plain bytes; they lie in a buffer that is used again. */
  onPlain?(bytes: Buffer): void;
}

export interface Streamed {
  plain: Measured;
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
  const [plain, stored] = [new Meter(), new Meter()];
  try {
    const compress = createZstdCompress({
      chunkSize: BATCH_BYTES,
      params: { [constants.ZSTD_c_compressionLevel]: input.level, [constants.ZSTD_c_checksumFlag]: 1 },
    });
    const fed = feed(dumping, compress, plain, input.onPlain).catch((error) => void compress.destroy(error));
    const encrypted = await encrypt(compress, input.recipients);
    const failed = await writeAll(key, stores, stored.pass(encrypted), input);
    await fed;
    return { plain: plain.result(), stored: stored.result(), failed };
  } finally {
    signal.removeEventListener('abort', kill);
    dumping.kill();
  }
}

/**
 * Gathers what comes into a few large buffers that are used again and again: one is filled while others are compressed.
 * Rejects where the dump failed, however much came before.
 */
async function feed(dumping: Dumping, compress: ZstdCompress, meter: Meter, onPlain: StreamInput['onPlain']) {
  const free = Array.from({ length: BATCHES }, () => Promise.resolve(Buffer.allocUnsafe(BATCH_BYTES)));
  let [batch, filled] = [await nextOf(free), 0];
  const flush = () => {
    const [full, buffer] = [batch.subarray(0, filled), batch];
    meter.add(full);
    onPlain?.(full);
    // Free again once it is compressed.
    const done = new Promise<Batch>((free, fail) =>
      compress.write(full, (error) => (error ? fail(error) : free(buffer))),
    );
    done.catch(() => {});
    free.push(done);
  };
  const fill = async (piece: Buffer): Promise<void> => {
    for (let at = 0; at < piece.length; ) {
      const copied = piece.copy(batch, filled, at);
      at += copied;
      filled += copied;
      if (filled < BATCH_BYTES) continue;
      flush();
      [batch, filled] = [await nextOf(free), 0];
    }
  };
  await dumping.read((piece) => {
    if (filled + piece.length >= BATCH_BYTES) return fill(piece);
    filled += piece.copy(batch, filled);
    return undefined;
  });
  if (filled > 0) flush();
  compress.end();
}

type Batch = Buffer<ArrayBuffer>;

function nextOf(free: Promise<Batch>[]): Promise<Batch> {
  return free.shift() ?? Promise.reject(new Error('a buffer'));
}

async function writeAll(
  key: string,
  stores: Store[],
  body: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<Streamed['failed']> {
  const source = Readable.from(body);
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
