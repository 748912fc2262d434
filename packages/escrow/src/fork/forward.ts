import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/**
 * A door on loopback to an RPC. Anvil takes the URL of what it forks as an argument, which everybody on the machine
 * sees; this one tells nothing.
 */
export async function openForward(url: string): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => void forward(url, request, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function forward(url: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url, { method: 'POST', headers, body: Buffer.concat(chunks) });
    response.writeHead(answer.status, headers).end(Buffer.from(await answer.arrayBuffer()));
  } catch {
    // What had already begun to be answered can only be cut.
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
  }
}
