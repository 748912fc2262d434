import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SinkEvents } from './events.ts';
import { type Faults, faultSchema } from './faults.ts';
import { jsonOf } from './read.ts';
import { type SinkWorld, worldSchema } from './world.ts';

/** What no Sentry and no PostHog has: for the sandbox, which sets its world up, and for tests. */
export function serveControl(app: FastifyInstance, world: SinkWorld, events: SinkEvents, faults: Faults): void {
  app.get('/_events', async (request) => events.read((request.query as { kind?: string }).kind));
  app.delete('/_events', async () => {
    events.forget();
    return {};
  });
  app.get('/_world', async () => ({ settings: world.settings, sentry: world.sentry, posthog: world.posthog }));
  app.put('/_world', async (request) => {
    world.add(worldSchema.parse(jsonOf(request.body)));
    return {};
  });
  app.get('/_calls', async () => faults.calls);
  app.put('/_faults', async (request) => {
    faults.plan(z.array(faultSchema).parse(jsonOf(request.body)));
    return {};
  });
}
