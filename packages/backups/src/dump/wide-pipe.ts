import { rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { makeTemporary } from '../temporary.ts';

const BUFFER_BYTES = 1 << 20;

/**
 * Takes a piece; it lies in a buffer that is used again, so what is to stay is copied. Where it returns a promise, the
 * next piece waits for it.
 */
export type Take = (piece: Buffer) => Promise<unknown> | undefined;

export interface WidePipe {
  /** For a child's standard output. To be closed here once the child has it. */
  end: Socket;
  /** Resolves when the child has closed its end. */
  read(take: Take): Promise<void>;
  destroy(): void;
}

/**
 * A socket pair that is read into one large buffer. Node reads a child's standard output 64 KiB at a time, each into
 * memory of its own: for what pg_dump writes that is nearly three times the processor time (290 MB: 0.67 s against
 * 0.24 s, hashing included).
 */
export async function widePipe(): Promise<WidePipe> {
  const folder = await makeTemporary('drydock-pipe-');
  const path = join(folder, 'socket');
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((done, fail) => server.once('error', fail).listen(path, done));
  const connected = new Promise<Socket>((done) => server.once('connection', done));
  let take: Take = () => undefined;
  const reader = connect({
    path,
    onread: {
      buffer: Buffer.allocUnsafe(BUFFER_BYTES),
      callback(bytes, buffer) {
        const wait = take(Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
        wait?.then(
          () => reader.resume(),
          (error) => reader.destroy(error),
        );
        return wait === undefined;
      },
    },
  });
  reader.pause();
  const end = await connected;
  server.close();
  await rm(folder, { recursive: true, force: true });
  const closed = new Promise<void>((done, fail) => reader.once('error', fail).once('close', () => done()));
  closed.catch(() => {});
  return {
    end,
    read(wanted) {
      take = wanted;
      reader.resume();
      return closed;
    },
    destroy: () => void reader.destroy(),
  };
}
