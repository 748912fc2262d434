import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Above the ports of well-known services, below those that Linux (32768) and macOS (49152) give to outgoing connections. */
const FROM = 20_000;
const BELOW = 32_768;

/**
 * A port of the loopback interface that nobody listens on now, and that no outgoing connection takes before its service
 * listens there, or while it is down. `wanted`: that one, if it is free.
 */
export async function freePort(wanted?: number): Promise<number> {
  if (wanted !== undefined && (await isFree(wanted))) return wanted;
  for (;;) {
    const port = randomInt(FROM, BELOW);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
  await new Promise((done) => server.close(done));
  return true;
}
