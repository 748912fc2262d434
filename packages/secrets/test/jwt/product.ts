// A small product on the marketplace's own tokens, without a database, so that it starts in an instant. Ada is its one user.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { readRing } from '../../../marketplace/src/auth/ring.ts';
import { createTokens } from '../../../marketplace/src/auth/tokens.ts';
import { createMetrics } from '../../../marketplace/src/metrics.ts';

const USER = 'ada';

type Handler = (body: string, request: IncomingMessage) => Promise<object>;

/** As it answers when it is started with this environment. */
export function smallProduct(env: NodeJS.ProcessEnv): RequestListener {
  const metrics = createMetrics();
  const tokens = createTokens(
    {
      JWT_ACCESS_KEYS: readRing(env.JWT_ACCESS_KEYS ?? ''),
      JWT_REFRESH_KEYS: readRing(env.JWT_REFRESH_KEYS ?? ''),
      ACCESS_TOKEN_LIFETIME: '15m',
      REFRESH_TOKEN_LIFETIME: '14d',
    },
    metrics,
  );
  /** What is wrong with it, in a test that wants something wrong. */
  const faults = new Set(env.FAULTS?.split(','));

  const routes: Record<string, Handler> = {
    'POST /login': async () => tokens.issue(USER),
    'GET /api/me': async (_, { headers }) => {
      const token = headers.authorization?.replace('Bearer ', '') ?? '';
      if (faults.has('trusts')) return { user: USER };
      return { user: known(await tokens.verify('access', token)) };
    },
    'POST /api/refresh': async (body) => {
      const { refreshToken } = JSON.parse(body) as { refreshToken: string };
      return tokens.issue(known(await tokens.verify('refresh', refreshToken)));
    },
    'GET /.well-known/jwks.json': async () => (faults.has('hides') ? { keys: [] } : tokens.publicKeys()),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (faults.has('hangs')) return;
    if (faults.has('fails')) return void response.writeHead(500).end();
    if (request.url === '/metrics') {
      const page = await metrics.registry.metrics();
      const shown = faults.has('forgets') ? page.replaceAll(/^.*token_last.*\n/gm, '') : page;
      return void response.end(faults.has('uncounted') ? '# TYPE up gauge\nup 1\n' : shown);
    }
    try {
      const said = await routes[`${request.method} ${request.url}`]?.(body, request);
      response.writeHead(said ? 200 : 404, {
        'content-type': 'application/json',
        'cache-control': `max-age=${env.JWKS_MAX_AGE ?? 600}`,
      });
      response.end(JSON.stringify(said ?? {}));
    } catch (error) {
      const { status = 500, code } = error as { status?: number; code?: string };
      response.writeHead(status).end(JSON.stringify({ error: { code } }));
    }
  }

  return (request, response) => void answer(request, response);
}

if (import.meta.main) {
  const server = createServer(smallProduct(process.env));
  server.listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write('listens\n'));
  process.on('SIGTERM', () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}

function known(user: string): string {
  if (user !== USER) throw Object.assign(new Error(), { status: 401, code: 'ACCOUNT_GONE' });
  return user;
}
