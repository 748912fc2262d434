import { createServer, type IncomingHttpHeaders, request } from 'node:http';

export interface Call {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
}

/** What the proxy does instead of passing a call on, or with its answer: a status of its own, or none at all. */
export type Meddle = (call: Call) => number | 'lose the answer' | 'cut the answer' | undefined;

/** Passes everything on to a server on loopback, and remembers what was asked. */
export async function watchCalls(target: string, meddle: Meddle = () => undefined) {
  const { hostname, port } = new URL(target);
  let calls: Call[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    calls.push({ method, url, headers });
    const instead = meddle({ method, url, headers });
    if (typeof instead === 'number') {
      incoming.resume().on('end', () => outgoing.writeHead(instead).end());
      return;
    }
    const passed = request({ hostname, port, method, path: url, headers }, (answer) => {
      if (instead === 'lose the answer') {
        answer.resume().on('end', () => outgoing.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (instead === 'cut the answer') answer.once('data', (first) => outgoing.write(first, () => outgoing.destroy()));
      else answer.pipe(outgoing);
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
