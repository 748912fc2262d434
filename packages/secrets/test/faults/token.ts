import type { RequestListener } from 'node:http';
import type { Held } from './product.ts';
import type { Subject } from './team.ts';

const FIRST = 'the-token-before-any-rotation';

/** A product that takes the tokens that it was started with. */
export function tokenSubject(databaseUrl: string): Subject {
  let runsWith: Held = {};
  const tokens = ({ ADMIN_TOKEN = '' }: Held) => ADMIN_TOKEN.split(',').filter(Boolean);
  return {
    secret: { kind: 'token', list: true },
    databaseUrl,
    env: { ADMIN_TOKEN: FIRST },
    variables: ['ADMIN_TOKEN'],
    serve(held): RequestListener {
      runsWith = held;
      return ({ url, headers }, response) => {
        const taken = tokens(held).includes((headers.authorization ?? '').replace('Bearer ', ''));
        response.writeHead(url !== '/api/admin/health' ? 404 : taken ? 200 : 401).end('{}');
      };
    },
    live: async (now, before) =>
      tokens(runsWith).map((one) =>
        one === now.ADMIN_TOKEN ? 'now' : one === before.ADMIN_TOKEN ? 'before' : 'another',
      ),
    stop: async () => {},
  };
}
