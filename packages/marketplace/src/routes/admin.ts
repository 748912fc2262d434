import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readQueue } from '../chain/queue.ts';
import { ProductError } from '../errors.ts';
import { type createMaintenance, maintenanceInput } from '../maintenance.ts';
import type { Services } from '../services.ts';
import { readHealth } from './health.ts';

interface AdminOptions {
  services: Services;
  maintenance: ReturnType<typeof createMaintenance>;
  isReady(): boolean;
}

/** What operators and their tools use. Works in maintenance, too. */
export function adminRoutes(app: FastifyInstance, { services, maintenance, isReady }: AdminOptions): void {
  const { config, db, metrics } = services;
  app.get('/readyz', async (_, reply) =>
    reply.status(isReady() ? 200 : 503).send({ ready: isReady(), version: config.APP_VERSION }),
  );

  app.get('/metrics', async (_, reply) => {
    // A number that cannot be read is no number; the rest of the page is.
    const unknown = { waiting: Number.NaN, failing: Number.NaN, oldestSeconds: Number.NaN };
    const { waiting, failing, oldestSeconds } = await readQueue(db).catch(() => unknown);
    metrics.chainTasks.set({ state: 'waiting' }, waiting);
    metrics.chainTasks.set({ state: 'failing' }, failing);
    metrics.chainTaskAge.set(oldestSeconds);
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });

  const published = services.tokens.publicKeys();
  app.get('/.well-known/jwks.json', async (_, reply) =>
    reply.header('cache-control', `public, max-age=${config.JWKS_MAX_AGE}`).send(published),
  );

  app.get('/api/admin/health', async (request, reply) => {
    requireAdmin(request, services);
    const { ok, parts } = await readHealth(services);
    return reply.status(ok ? 200 : 503).send({
      ok,
      version: config.APP_VERSION,
      environment: config.DRYDOCK_ENV,
      uptimeSeconds: Math.round(process.uptime()),
      maintenance: await maintenance.read(),
      parts,
    });
  });

  app.post('/api/admin/maintenance', async (request) => {
    requireAdmin(request, services);
    const value = maintenanceInput.parse(request.body);
    await maintenance.set(value);
    return value;
  });
}

/** Compares hashes, and all of them, so that neither length, content nor place shows in the time taken. */
function requireAdmin(request: FastifyRequest, { config, metrics }: Services): void {
  const given = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const sent = digest(given);
  const matches = config.ADMIN_TOKEN.map((token) => timingSafeEqual(sent, digest(token)));
  if (!matches.includes(true)) throw new ProductError(401, 'UNAUTHENTICATED', 'The admin token is missing or wrong.');
  if (!matches[0]) metrics.formerTokenUsed.setToCurrentTime();
}
