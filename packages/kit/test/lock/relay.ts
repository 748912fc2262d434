import { connect, createServer, type Socket } from 'node:net';

/** A TCP relay that misbehaves on demand. */
export interface Relay {
  port: number;
  /** So many of the next connections are reset. */
  resetNext(count: number): void;
  /** From now on nothing passes, and nobody is told: what a cable that was pulled looks like. */
  freeze(): void;
  stop(): Promise<void>;
}

export async function startRelay(to: { host: string; port: number }): Promise<Relay> {
  let resets = 0;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    sockets.add(near);
    near.on('error', () => {});
    if (resets > 0) {
      resets -= 1;
      near.resetAndDestroy();
      return;
    }
    const far = connect(to);
    sockets.add(far);
    far.on('error', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as { port: number }).port,
    resetNext: (count) => {
      resets = count;
    },
    freeze: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
