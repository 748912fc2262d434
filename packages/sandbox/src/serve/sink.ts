import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fastify from 'fastify';

/** What was received: one Sentry item or one PostHog event. */
export interface SinkEvent {
  kind: 'sentry' | 'posthog';
  at: string;
  /** Sentry: the item's type; PostHog: the event's name. */
  name: string;
  payload: unknown;
}

const CAPTURE = ['/capture/', '/batch/', '/e/', '/i/v0/e/'];

/**
 * Takes Sentry envelopes and PostHog captures as their servers do, keeps them in a file, and shows them:
 * `GET /_events?kind=sentry`, `DELETE /_events`.
 */
export async function serveSink(port: number, directory: string): Promise<void> {
  const file = join(directory, 'events.ndjson');
  const app = fastify({ bodyLimit: 20 * 1024 * 1024, routerOptions: { ignoreTrailingSlash: true } });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  const keep = (kind: SinkEvent['kind'], name: string, payload: unknown) => {
    appendFileSync(
      file,
      `${JSON.stringify({ kind, at: new Date().toISOString(), name, payload } satisfies SinkEvent)}\n`,
    );
  };
  app.post('/api/:project/envelope/', async (request) => {
    for (const { type, payload } of readEnvelope(inflate(request.body as Buffer))) keep('sentry', type, payload);
    return { id: crypto.randomUUID().replaceAll('-', '') };
  });
  for (const path of CAPTURE) {
    app.post(path, async (request) => {
      const body = JSON.parse(inflate(request.body as Buffer)) as { batch?: { event: string }[]; event?: string };
      for (const event of body.batch ?? [body]) keep('posthog', event.event ?? 'unnamed', event);
      return { status: 1 };
    });
  }
  app.post('/flags/', async () => ({ featureFlags: {}, flags: {} }));
  app.get('/_events', async (request) => {
    const { kind } = request.query as { kind?: string };
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
    return lines.map((line) => JSON.parse(line) as SinkEvent).filter((event) => !kind || event.kind === kind);
  });
  app.delete('/_events', async () => {
    rmSync(file, { force: true });
    return {};
  });
  await app.listen({ host: '127.0.0.1', port });
}

/** Clients compress as they please, and not all say so. */
function inflate(body: Buffer): string {
  const gzipped = body[0] === 0x1f && body[1] === 0x8b;
  return (gzipped ? gunzipSync(body) : body).toString('utf8');
}

/** An envelope is a header line, then pairs of item header and item (develop.sentry.dev, "Envelopes"). */
function readEnvelope(text: string): { type: string; payload: unknown }[] {
  const lines = text.split('\n').slice(1).filter(Boolean);
  const items: { type: string; payload: unknown }[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const { type } = JSON.parse(lines[i] ?? '{}') as { type: string };
    items.push({ type, payload: JSON.parse(lines[i + 1] ?? 'null') });
  }
  return items;
}
