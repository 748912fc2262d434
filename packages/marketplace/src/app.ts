import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import cookie from '@fastify/cookie';
import formbody from '@fastify/formbody';
import rateLimit from '@fastify/rate-limit';
import view from '@fastify/view';
import { Eta } from 'eta';
import fastify, { type FastifyInstance, LogController } from 'fastify';
import { ZodError } from 'zod';
import { ProductError } from './errors.ts';
import { createMaintenance } from './maintenance.ts';
import { adminRoutes } from './routes/admin.ts';
import { apiRoutes } from './routes/api.ts';
import type { Services } from './services.ts';
import { pageRoutes } from './web/pages.ts';

const VIEWS = join(import.meta.dirname, '../views');
/** What answers in maintenance: operators, probes and scrapers. */
const ALWAYS = /^\/(readyz|metrics|style\.css|api\/admin\/)/;

/** The whole product on one port. `isReady` says whether a proxy should send traffic. */
export async function createApp(services: Services, isReady: () => boolean): Promise<FastifyInstance> {
  const { config, metrics, redis, tracker } = services;
  const app = fastify({
    logger: { level: config.LOG_LEVEL, redact: ['req.headers.authorization', 'req.headers.cookie'] },
    trustProxy: 'loopback',
    logController: new LogController({ disableRequestLogging: true }),
    // Finishes what is in flight when it closes, and tells keep-alive connections to go.
    forceCloseConnections: 'idle',
    bodyLimit: 256 * 1024,
  });
  const maintenance = createMaintenance(services);
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.requests.observe(
      { method: request.method, route, status: String(reply.statusCode) },
      reply.elapsedTime / 1_000,
    );
    if (reply.statusCode >= 500) metrics.errors.inc({ route });
  });
  app.addHook('onSend', async (_, reply) => {
    // What is in flight when a stop begins is answered, and its connection not kept open for a minute after that.
    if (!isReady()) reply.header('connection', 'close');
  });
  app.addHook('onRequest', async (request, reply) => {
    if (ALWAYS.test(request.url)) return;
    const { on, retryAfterSeconds } = await maintenance.read();
    if (!on) return;
    reply.header('retry-after', retryAfterSeconds);
    throw new ProductError(503, 'MAINTENANCE', 'The marketplace is being worked on; come back soon.');
  });
  await app.register(cookie);
  await app.register(formbody);
  await app.register(view, {
    engine: { eta: new Eta({ views: VIEWS, autoEscape: true }) },
    root: VIEWS,
    viewExt: 'eta',
  });
  await app.register(rateLimit, {
    max: config.RATE_LIMIT_PER_MINUTE,
    timeWindow: '1 minute',
    ...(redis ? { redis, skipOnError: true } : {}),
    allowList: (request) => ALWAYS.test(request.url),
    onExceeded: () => metrics.rateLimitBlocks.inc(),
    errorResponseBuilder: (_, { after }) =>
      new ProductError(429, 'TOO_MANY_REQUESTS', `Too many requests; try again in ${after}.`),
  });
  app.setErrorHandler((error, request, reply) => {
    const { status, code, message } = describe(error);
    if (status >= 500 && code !== 'MAINTENANCE') {
      request.log.error(error);
      tracker.error(error, { route: request.routeOptions.url ?? 'unknown' });
    }
    reply.status(status);
    if (request.url.startsWith('/api/')) return reply.send({ error: { code, message } });
    if (status === 401) return reply.redirect('/login', 303);
    return reply.view('error', { title: message, message, status, user: undefined, flags: [] });
  });
  app.setNotFoundHandler((request, reply) => {
    const message = 'There is no such page.';
    reply.status(404);
    if (request.url.startsWith('/api/')) return reply.send({ error: { code: 'NOT_FOUND', message } });
    return reply.view('error', { title: message, message, status: 404, user: undefined, flags: [] });
  });
  const css = readFileSync(join(VIEWS, 'style.css'), 'utf8');
  app.get('/style.css', async (_, reply) =>
    reply.type('text/css').header('cache-control', 'public, max-age=300').send(css),
  );
  adminRoutes(app, { services, maintenance, isReady });
  apiRoutes(app, services);
  pageRoutes(app, services);
  return app;
}

function describe(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof ProductError) return { status: error.status, code: error.code, message: error.message };
  if (error instanceof ZodError) {
    return {
      status: 400,
      code: 'INVALID',
      message: error.issues.map(({ path, message }) => `${path.join('.') || 'the body'} ${message}`).join('; '),
    };
  }
  const { statusCode, message } = error as { statusCode?: number; message: string };
  if (statusCode && statusCode < 500) return { status: statusCode, code: 'BAD_REQUEST', message };
  return { status: 500, code: 'INTERNAL', message: 'Something went wrong on our side.' };
}
