import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SinkEvents } from './events.ts';
import { textOf } from './read.ts';
import { hex, type SinkWorld } from './world.ts';

/** What Relay says of a key that is disabled, deleted, another project's, or was never made. */
const REFUSED = { detail: 'event submission rejected with_reason: ProjectId' };

interface Seen {
  /** The project of the key while it is active. */
  project: number | undefined;
  until: number;
}

/** Takes envelopes and events with an active key, as Relay does (develop.sentry.dev, "Envelopes", "Authentication"). */
export function serveSentryIngest(app: FastifyInstance, world: SinkWorld, events: SinkEvents): void {
  const seen = new Map<string, Seen>();
  const pending = new Map<string, number>();

  /** As Relay has it: what it knows of a key it goes on believing for a while, and that there is none as well. */
  const projectOf = (key: string): number | undefined => {
    const now = Date.now();
    const last = seen.get(key);
    if (last && last.until > now) return last.project;
    const { refusalMs, missMs } = world.settings;
    const active = ({ keys }: { keys: { public: string; isActive: boolean }[] }) =>
      keys.some((one) => one.public === key && one.isActive);
    const project = world.sentry.projects.find(active)?.id;
    seen.set(key, { project, until: now + (project === undefined ? missMs : refusalMs) });
    return project;
  };
  const isPending = (key: string): boolean => {
    if (seen.has(key) || world.settings.pendingMs === 0) return false;
    const since = pending.get(key) ?? Date.now();
    pending.set(key, since);
    return Date.now() - since < world.settings.pendingMs;
  };
  const take = (request: FastifyRequest, reply: FastifyReply, { id, dsn, items }: Envelope) => {
    const keys = keysOf(request, dsn);
    if (keys.length === 0) return reply.code(401).send({ detail: 'missing authorization information' });
    const [key = '', other] = keys;
    if (other !== undefined) return reply.code(401).send({ detail: 'multiple authorization payloads detected' });
    // A look that leaves no trace: nobody has asked yet whether there is such a key.
    if (isPending(key)) {
      const real = world.sentry.projects.find((one) => one.keys.some((k) => k.public === key && k.isActive))?.id;
      if (String(real) === (request.params as Params).project) keepAll(items, key, real);
      return { id };
    }
    const project = projectOf(key);
    if (project === undefined || String(project) !== (request.params as Params).project)
      return reply.code(403).send(REFUSED);
    keepAll(items, key, project);
    return { id };
  };
  const keepAll = (items: Envelope['items'], key: string, project: number | undefined) => {
    for (const { type, payload } of items) events.keep({ kind: 'sentry', name: type, key, project, payload });
  };

  app.post('/api/:project/envelope/', async (request, reply) =>
    take(request, reply, readEnvelope(textOf(request.body))),
  );
  app.post('/api/:project/store/', async (request, reply) => {
    const payload = JSON.parse(textOf(request.body)) as { event_id?: string };
    const id = payload.event_id ?? hex();
    return take(request, reply, { id, dsn: undefined, items: [{ type: 'event', payload }] });
  });
}

type Params = { project: string };

/** A key may stand in a header, in the query or in the envelope; it is the same one then. */
function keysOf(request: FastifyRequest, dsn: string | undefined): string[] {
  const header = /\bsentry_key=([^,\s]+)/.exec(String(request.headers['x-sentry-auth'] ?? ''))?.[1];
  const { sentry_key: query } = request.query as { sentry_key?: string };
  const inside = URL.parse(dsn ?? '')?.username;
  return [...new Set([header, query, inside].filter((one): one is string => Boolean(one)))];
}

interface Envelope {
  id: string | undefined;
  dsn: string | undefined;
  items: { type: string; payload: unknown }[];
}

/** An envelope is a header line, then pairs of item header and item (develop.sentry.dev, "Envelopes"). */
function readEnvelope(text: string): Envelope {
  const [first = '{}', ...lines] = text.split('\n').filter(Boolean);
  const { event_id: id, dsn } = JSON.parse(first) as { event_id?: string; dsn?: string };
  const items: Envelope['items'] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const { type } = JSON.parse(lines[i] ?? '{}') as { type: string };
    items.push({ type, payload: JSON.parse(lines[i + 1] ?? 'null') });
  }
  return { id: id?.replaceAll('-', ''), dsn, items };
}
