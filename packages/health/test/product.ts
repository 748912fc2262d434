import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { makeStrangeProduct, type TaskProcesses, taskProcesses } from '@drydock/kit/testing';
import { type Behaviour, FakeProduct, STEADY } from './traffic.ts';

/** A stranger's product on loopback: each look at /metrics is a second of its life. */
export interface StrangeServer {
  url: string;
  product: FakeProduct;
  behaviour: Behaviour;
  /** Takes the place of the page of metrics. */
  page: ((path: string) => { status?: number; body: string; delayMs?: number } | undefined) | undefined;
  health: { status: number; body: string };
  version: string;
  /** How far its clock is ahead. */
  clockMs: number;
  seen: { path: string; authorization: string | undefined }[];
  close(): void;
}

export async function startStrangeServer(seed = 1): Promise<StrangeServer> {
  const product = new FakeProduct(seed, Date.now() - 120_000);
  product.run(60, STEADY);
  const server: Server = createServer((request, response) => void serve(request, response));
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    strange.seen.push({ path, authorization: request.headers.authorization });
    if (path.startsWith('/metrics')) {
      const special = strange.page?.(path);
      product.run(1, strange.behaviour);
      const { status = 200, body, delayMs = 0 } = special ?? { body: await product.page() };
      const headers = { date: new Date(Date.now() + strange.clockMs).toUTCString() };
      setTimeout(() => response.writeHead(status, headers).end(body), delayMs);
    } else response.writeHead(strange.health.status).end(strange.health.body.replace('VERSION', strange.version));
  }
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const strange: StrangeServer = {
    url: `http://127.0.0.1:${port}`,
    product,
    behaviour: STEADY,
    page: undefined,
    health: { status: 200, body: '{"ok":true,"version":"VERSION","parts":{"database":{"ok":true,"ms":2}}}' },
    version: 'v2',
    clockMs: 0,
    seen: [],
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return strange;
}

/** Quick enough for a test; everything else as it is by default. */
export const QUICK_GATE = { intervalSeconds: 0.25, windowSeconds: 0.75, minRequests: 5 };

export function strangeTasks(
  url: string,
  health: object = {},
  env: Record<string, string> = {},
  more: object = {},
): TaskProcesses {
  const root = makeStrangeProduct(
    { health: { timeoutMs: 3_000, gate: QUICK_GATE, ...health }, ...more },
    { PUBLIC_URL: url, ADMIN_TOKEN: 'the-token-of-health', ...env },
  );
  return taskProcesses(root);
}
