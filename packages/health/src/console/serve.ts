import { randomBytes } from 'node:crypto';
import { shownLine } from '@drydock/kit';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Live } from '../report/render.ts';

/** Names by which a browser on this machine may call it: a page of elsewhere that resolves to 127.0.0.1 brings its own. */
const HOSTS = ['127.0.0.1', 'localhost'];

export interface ConsoleOptions {
  script: string;
  page(live: Live): Promise<string>;
  /** A page is made at most this often, however many ask. */
  freshMs: number;
}

/** One page, for GET alone. Everything else is refused. */
export function createConsole({ script, page, freshMs }: ConsoleOptions): FastifyInstance {
  const app = Fastify({ logger: false, bodyLimit: 1 });
  let kept: { at: number; nonce: string; text: Promise<string> } | undefined;
  app.addHook('onRequest', async (request, reply) => {
    const { hostname } = URL.parse(`http://${request.headers.host}`) ?? {};
    if (!hostname || !HOSTS.includes(hostname))
      return reply.code(421).send('This console is for this machine alone.\n');
    if (request.method !== 'GET') return reply.code(405).header('allow', 'GET').send('This console is read only.\n');
  });
  app.setErrorHandler((error: Error, _, reply) => reply.code(500).send(`${shownLine(error.message)}\n`));
  app.setNotFoundHandler((_, reply) => reply.code(404).send('There is one page: /\n'));
  app.get('/', { exposeHeadRoute: false }, async (_, reply) => {
    if (!kept || Date.now() - kept.at > freshMs) {
      const nonce = randomBytes(16).toString('base64');
      kept = { at: Date.now(), nonce, text: page({ script, nonce }) };
    }
    const { nonce, text } = kept;
    const html = await text.catch((error) => {
      kept = undefined;
      throw error;
    });
    return reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('cross-origin-resource-policy', 'same-origin')
      .header(
        'content-security-policy',
        `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      )
      .send(html);
  });
  return app;
}
