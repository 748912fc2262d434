import { rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { makeTemporary } from './temporary.ts';

const BUFFER_BYTES = 256 << 10;
const BUFFERS = 8;

/**
 * Takes a piece. Where it returns a promise, the memory of the piece is its own until that is settled, and what comes next goes
 * into other memory, as far as there is some; otherwise what is to stay is copied.
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
 * A socket pair that is read into a few large buffers, again and again. Node reads a child's standard output 64 KiB at a time, each into
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
  const free = Array.from({ length: BUFFERS }, () => Buffer.allocUnsafeSlow(BUFFER_BYTES));
  const reader = connect({
    path,
    onread: {
      // Asked for after each piece: there is one, for otherwise reading has been stopped.
      buffer: () => free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES),
      callback(bytes, filled) {
        const buffer = filled as Buffer<ArrayBuffer>;
        const taken = take(buffer.subarray(0, bytes));
        if (!taken) free.push(buffer);
        else
          taken.then(
            () => {
              free.push(buffer);
              reader.resume();
            },
            (error) => reader.destroy(error),
          );
        return free.length > 1;
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

/** What comes of `read`, piece by piece; each lies in memory that is used again once the next is asked for. */
export async function* piecesOf(read: (take: Take) => Promise<void>): AsyncIterable<Buffer> {
  const waiting: { piece: Buffer; release(): void }[] = [];
  let [ended, wake] = [false, () => {}];
  const all = read((piece) => {
    const taken = new Promise<void>((release) => waiting.push({ piece, release }));
    wake();
    return taken;
  }).finally(() => {
    ended = true;
    wake();
  });
  all.catch(() => {});
  for (;;) {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      yield next.piece;
      next.release();
    }
    if (ended) break;
    await new Promise<void>((done) => {
      wake = done;
    });
  }
  await all;
}
