import fastify from 'fastify';
import { serveControl } from './sink/control.ts';
import { type SinkEvent, SinkEvents } from './sink/events.ts';
import { Faults } from './sink/faults.ts';
import { servePostHogAdmin } from './sink/posthog-admin.ts';
import { servePostHogIngest } from './sink/posthog-ingest.ts';
import { serveSentryAdmin } from './sink/sentry-admin.ts';
import { serveSentryIngest } from './sink/sentry-ingest.ts';
import { SinkWorld } from './sink/world.ts';

export type { SinkEvent };

/**
 * Sentry and PostHog, as their documentation says that they answer: projects, keys and tokens, the calls that rotate keys, and what is sent to
 * them. What it was told it keeps in a file and shows: `GET /_events?kind=sentry`, `DELETE /_events`; what it knows is set by `PUT /_world`.
 */
export async function serveSink(port: number, directory: string): Promise<void> {
  const world = new SinkWorld(directory);
  const events = new SinkEvents(directory);
  const faults = new Faults();
  const app = fastify({
    bodyLimit: 20 * 1024 * 1024,
    routerOptions: { ignoreTrailingSlash: true },
    rewriteUrl: ({ url = '/' }) => withoutPrefix(url, world.settings.prefix),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  faults.install(app);
  serveControl(app, world, events, faults);
  serveSentryIngest(app, world, events);
  serveSentryAdmin(app, world);
  servePostHogIngest(app, world, events);
  servePostHogAdmin(app, world);
  await app.listen({ host: '127.0.0.1', port });
}

/** A Sentry of one's own may live below a path: it is nowhere else then. */
function withoutPrefix(url: string, prefix: string): string {
  if (prefix === '' || url.startsWith('/_')) return url;
  return url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : '/_nothing-here';
}
