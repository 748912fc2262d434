import { createServer, type IncomingHttpHeaders, request } from 'node:http';

export interface Call {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
}

/** Passes everything on to a server on loopback, and remembers what was asked. */
export async function watchCalls(target: string) {
  const { hostname, port } = new URL(target);
  let calls: Call[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    calls.push({ method, url, headers });
    const passed = request({ hostname, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    calls: () => calls,
    reset: () => {
      calls = [];
    },
    stop: () => new Promise<void>((done) => server.close(() => done())),
  };
}
