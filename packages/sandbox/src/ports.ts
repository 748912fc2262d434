import { connect, createServer } from 'node:net';

const HOST = '127.0.0.1';

export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((done, fail) => server.once('error', fail).listen(port, HOST, done));
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** Does somebody accept connections there? */
export async function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: HOST, port });
    const end = (answer: boolean) => {
      socket.destroy();
      done(answer);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .setTimeout(1_000, () => end(false));
  });
}
