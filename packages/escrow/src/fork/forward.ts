import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Target } from '../target.ts';

type Asked = Pick<Target, 'rpcUrls'> & { chain: Pick<Target['chain'], 'timeoutMs'> };

interface Answer {
  status: number;
  body: Buffer;
}

/**
 * A door on loopback to the RPCs: the next is asked where one is away, or does not serve what is asked (state of that block); the one that did
 * is asked first from then on. Anvil takes the URL of what it forks as an argument, which everybody on the machine sees; this one tells nothing.
 */
export async function openForward(target: Asked): Promise<{ url: string; close(): void }> {
  const urls = target.rpcUrls.map((url) => url.reveal());
  const server = createServer((request, response) => void forward(urls, target.chain.timeoutMs, request, response));
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

async function forward(
  urls: string[],
  timeoutMs: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { status, body } = await askOne(urls, Buffer.concat(chunks), timeoutMs);
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  } catch {
    // What had already begun to be answered can only be cut.
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
  }
}

/** The answer of the first that serves it; where none does, the last refusal. */
async function askOne(urls: string[], question: Buffer, timeoutMs: number): Promise<Answer> {
  let refused: Answer = { status: 502, body: Buffer.alloc(0) };
  for (const url of [...urls]) {
    const answer = await ask(url, question, timeoutMs);
    if (answer && serves(answer)) {
      urls.splice(urls.indexOf(url), 1);
      urls.unshift(url);
      return answer;
    }
    refused = answer ?? refused;
  }
  return refused;
}

async function ask(url: string, question: Buffer, timeoutMs: number): Promise<Answer | undefined> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array(question),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  } catch {
    // Away, or too slow.
    return undefined;
  }
}

/** An error, or of a batch one among the answers: another RPC may know. */
function serves({ status, body }: Answer): boolean {
  if (status !== 200) return false;
  try {
    const said: unknown = JSON.parse(body.toString());
    return [said].flat().every((one) => one !== null && typeof one === 'object' && !('error' in one));
  } catch {
    return false;
  }
}
