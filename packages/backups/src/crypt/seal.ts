import { Readable } from 'node:stream';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { findTool, OpsError, type Secret } from '@drydock/kit';
import { piecesOf, widePipe } from '../wide-pipe.ts';
import { decryptFile, encrypt, encryptFailed, unreadable } from './age.ts';
import { startChain } from './chain.ts';
import { keysIn } from './identity.ts';

/** What comes in the clear, compressed and then encrypted. */
export interface Sealing {
  /** Resolves when the memory of the piece may be used again. */
  write(piece: Buffer): Promise<void>;
  /** All has come; or, with an error, nothing more will. */
  end(error?: Error): void;
  /** Each piece is of use until the next is asked for. */
  sealed: AsyncIterable<Uint8Array>;
}

export interface SealOptions {
  /** Of zstd. */
  level: number;
  recipients: string[];
}

/**
 * zstd, then age: by the two programs where both are installed, since what one hands to the other then does not pass through here
 * (340 MB: 3.2 s of processor against 3.4 s, and two full collections of garbage against thirteen); otherwise in this process. The
 * format is the same.
 */
export async function seal(options: SealOptions): Promise<Sealing> {
  const [zstd, age] = [findTool('zstd'), findTool('age')];
  return zstd && age ? sealByPrograms(zstd, age, options) : sealHere(options);
}

async function sealByPrograms(zstd: string, age: string, { level, recipients }: SealOptions): Promise<Sealing> {
  const pipe = await widePipe();
  const chain = startChain(
    [
      { path: zstd, args: ['-q', '-c', '--single-thread', `-${level}`], failed: compressFailed },
      { path: age, args: ['--encrypt', ...recipients.flatMap((key) => ['-r', key])], failed: encryptFailed },
    ],
    pipe.end,
  );
  let failure: Error | undefined;
  // Where a program has ended early, it says why.
  chain.stdin.on('error', () => {});
  const sealed = async function* () {
    try {
      yield* piecesOf(pipe.read);
      if (failure) throw failure;
      await chain.ended;
    } finally {
      chain.kill();
      pipe.destroy();
    }
  };
  return {
    write: (piece) => new Promise((done) => void chain.stdin.write(piece, () => done())),
    end(error) {
      failure = error;
      if (error) chain.kill();
      else chain.stdin.end();
    },
    sealed: sealed(),
  };
}

async function sealHere({ level, recipients }: SealOptions): Promise<Sealing> {
  const compress = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  const sealed = await encrypt(compress, recipients);
  return {
    write: (piece) =>
      new Promise((done, fail) => void compress.write(piece, (error) => (error ? fail(error) : done()))),
    end(error) {
      if (error) compress.destroy(error);
      else compress.end();
    },
    sealed,
  };
}

/**
 * A sealed file in the clear, piece by piece; each is of use until the next is asked for. Rejects as `decryptFile` does, and with what
 * zstd says of what came.
 */
export async function* unseal(path: string, identity: Secret): AsyncIterable<Buffer> {
  const [zstd, age] = [findTool('zstd'), findTool('age')];
  if (zstd && age) yield* unsealByPrograms(zstd, age, path, identity);
  else yield* unsealHere(path, identity);
}

/** The key goes to age through its standard input: neither an argument nor a file, and gone with us. */
async function* unsealByPrograms(zstd: string, age: string, path: string, identity: Secret): AsyncIterable<Buffer> {
  const key = `${keysIn(identity).join('\n')}\n`;
  const pipe = await widePipe();
  const chain = startChain(
    [
      { path: age, args: ['--decrypt', '-i', '-', path], failed: (why) => unreadable(identity, new Error(why)) },
      { path: zstd, args: ['-q', '-d', '-c'], failed: (why) => new Error(why) },
    ],
    pipe.end,
  );
  chain.stdin.on('error', () => {});
  chain.stdin.end(key);
  try {
    yield* piecesOf(pipe.read);
    await chain.ended;
  } finally {
    chain.kill();
    pipe.destroy();
  }
}

async function* unsealHere(path: string, identity: Secret): AsyncIterable<Buffer> {
  const expand = createZstdDecompress({ chunkSize: 1 << 20 });
  const decrypted = Readable.from(decryptFile(path, identity));
  decrypted.on('error', (error) => expand.destroy(error));
  try {
    yield* decrypted.pipe(expand) as AsyncIterable<Buffer>;
  } finally {
    decrypted.destroy();
    expand.destroy();
  }
}

function compressFailed(why: string): OpsError {
  return new OpsError({
    code: 'COMPRESS_FAILED',
    message: `zstd, which compresses the dump, failed: ${why}.`,
    hint: 'The backups before it are untouched. Mend the cause and run it again.',
  });
}
