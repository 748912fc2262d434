import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import cookie from '@fastify/cookie';
import csrf from '@fastify/csrf-protection';
import formbody from '@fastify/formbody';
import rateLimit from '@fastify/rate-limit';
import view from '@fastify/view';
import { Eta } from 'eta';
import fastify, { type FastifyInstance, LogController } from 'fastify';
import { ProductError } from './errors.ts';
import { createMaintenance } from './maintenance.ts';
import { describeProblem } from './problem.ts';
import { adminRoutes } from './routes/admin.ts';
import { apiRoutes } from './routes/api.ts';
import type { Services } from './services.ts';
import { formRoutes } from './web/forms.ts';
import { pageRoutes } from './web/pages.ts';
import { createRender } from './web/render.ts';

const VIEWS = join(import.meta.dirname, '../views');
/** What answers in maintenance: operators, probes and scrapers. */
const ALWAYS = /^\/(readyz|metrics|style\.css|\.well-known\/|api\/admin\/)/;

/** Pages load nothing but their own style sheet, and are shown in nobody's frame. */
const GUARDED = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
};

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
    // A probe that hears "not now", and an announced maintenance, are no errors.
    const announced = ALWAYS.test(request.url) || reply.hasHeader('retry-after');
    if (reply.statusCode >= 500 && !announced) metrics.errors.inc({ route });
  });
  app.addHook('onSend', async (_, reply) => {
    reply.headers(GUARDED);
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
  await app.register(csrf);
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
  const render = createRender(services);
  app.setErrorHandler((error, request, reply) => {
    const { status, code, message } = describeProblem(error);
    if (status >= 500 && code !== 'MAINTENANCE') {
      request.log.error(error);
      tracker.error(error, { route: request.routeOptions.url ?? 'unknown' });
    }
    reply.status(status);
    if (request.url.startsWith('/api/')) return reply.send({ error: { code, message } });
    if (status === 401) return reply.redirect('/login', 303);
    return render(request, reply, 'error', { title: message, message });
  });
  app.setNotFoundHandler(() => {
    throw new ProductError(404, 'NOT_FOUND', 'There is no such page.');
  });
  const css = readFileSync(join(VIEWS, 'style.css'), 'utf8');
  app.get('/style.css', async (_, reply) =>
    reply.type('text/css').header('cache-control', 'public, max-age=300').send(css),
  );
  adminRoutes(app, { services, maintenance, isReady });
  apiRoutes(app, services);
  pageRoutes(app, { services, render });
  formRoutes(app, { services, render });
  return app;
}
