import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { Readable, Transform } from 'node:stream';
import { constants, createZstdCompress } from 'node:zlib';
import { libpqEnv, OpsError, requireTool, type Secret, toolVersion } from '@drydock/kit';
import type { FileStore } from './store.ts';

/** age's pure JavaScript does 140 MB/s; level 3 keeps pace with the server's COPY on one core beside it. */
const ZSTD_LEVEL = 3;

export interface Measured {
  bytes: number;
  sha256: string;
}

/** Counts and hashes what passes. */
function measure(): { stream: Transform; result(): Measured } {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, result: () => ({ bytes, sha256: hash.digest('hex') }) };
}

export interface DumpInput {
  url: Secret;
  recipients: string[];
  store: FileStore;
  env: string;
  id: string;
  signal: AbortSignal;
  onBytes(bytes: number): void;
}

/**
 * One snapshot, streamed: `pg_dump -Fc` without its own compression → zstd → age → store. Nothing touches the disk
 * unencrypted, and memory stays flat.
 */
export async function streamDump(input: DumpInput): Promise<{ plain: Measured; stored: Measured }> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of input.recipients) encrypter.addRecipient(recipient);
  const dump = startDump(input.url, input.signal);
  const plain = measure();
  const stored = measure();
  plain.stream.on('data', (chunk: Buffer) => input.onBytes(chunk.length));
  const compressed = dump.stdout
    .pipe(plain.stream)
    .pipe(createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } }));
  dump.stdout.on('error', (error) => compressed.destroy(error));
  const encrypted = await encrypter.encrypt(Readable.toWeb(compressed) as ReadableStream<Uint8Array>);
  const out = Readable.fromWeb(encrypted as never).pipe(stored.stream);
  const written = (Readable.toWeb(out) as ReadableStream<Uint8Array>).pipeTo(
    await input.store.write(input.env, input.id, DUMP),
    { signal: input.signal },
  );
  await Promise.all([written, dump.ended]);
  return { plain: plain.result(), stored: stored.result() };
}

export const DUMP = 'database.dump.zst.age';

/** A dump that ends early ends with an error: the manifest is only written after pg_dump said 0. */
function startDump(url: Secret, signal: AbortSignal) {
  const child = spawn(requireTool('pg_dump'), ['-Fc', '-Z0', '--no-password'], {
    signal,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: libpqEnv(url, process.env.PATH),
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-2_000);
  });
  const ended = new Promise<void>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => {
      if (code === 0) return done();
      const why = said.trim().split('\n').at(-1) ?? `exit code ${code}`;
      fail(
        new OpsError({
          code: 'DUMP_FAILED',
          message: `pg_dump failed: ${why}.`,
          hint: 'The backups before it are untouched. Mend the cause and run it again.',
        }),
      );
    });
  });
  // Awaited beside the stream; a failure before that must not count as unhandled.
  ended.catch(() => {});
  return { stdout: child.stdout, ended };
}

export function dumpVersion(): string {
  return toolVersion(requireTool('pg_dump')) ?? 'unknown';
}
