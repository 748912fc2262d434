import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface Asked {
  method: string;
  /** `/repos/acme/shop/commits/…/check-runs?per_page=100&page=1` */
  path: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent.
  body: any;
}

/**
 * A stand-in for GitHub's API, for the real gh: which speaks plain HTTP with `github.localhost`, and goes through a proxy to it. `answers`
 * gives what a path is answered with; undefined is 404.
 */
export async function startGithub(answers: (asked: Asked) => { status?: number; body: unknown } | undefined) {
  const asked: Asked[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', 'http://api.github.localhost');
    const one = { method: request.method ?? '', path: url.pathname + url.search, body: await bodyOf(request) };
    asked.push(one);
    const { status = 200, body } = answers(one) ?? { status: 404, body: { message: 'Not Found' } };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  return {
    asked,
    /** For release.ci.repository. */
    repository: 'github.localhost/acme/shop',
    /** Of whoever runs gh. */
    env: { HTTP_PROXY: `http://127.0.0.1:${port}`, GH_TOKEN: 'not-a-token', GH_CONFIG_DIR: '/nonexistent' },
    stop: () => new Promise<void>((done) => server.close(() => done())),
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : undefined;
}
