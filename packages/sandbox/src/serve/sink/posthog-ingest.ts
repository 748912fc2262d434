import type { FastifyInstance, FastifyReply } from 'fastify';
import type { SinkEvents } from './events.ts';
import { bearerOf, jsonOf } from './read.ts';
import type { SinkWorld } from './world.ts';

const CAPTURE = ['/capture/', '/batch/', '/e/', '/i/v0/e/'];
const LONGEST = 64;
const INVALID = 'The provided API key is invalid or has expired. Please check your API key and try again.';

interface Sent {
  api_key?: string;
  token?: string;
  event?: string;
  batch?: { event: string }[];
  distinct_id?: string;
}

/**
 * Events are taken with any token that could be one, and are dropped later where it is no project's (posthog.com/docs/api/capture); flags say
 * at once whether the token is one (posthog.com/docs/api/flags).
 */
export function servePostHogIngest(app: FastifyInstance, world: SinkWorld, events: SinkEvents): void {
  const projectOf = (token: string) => world.posthog.projects.find((one) => one.api_token === token)?.id;
  for (const path of CAPTURE) {
    app.post(path, async (request, reply) => {
      const body = jsonOf(request.body) as Sent;
      const key = (body.api_key ?? body.token ?? '').trim();
      if (key === '' || key.length > LONGEST || key.startsWith('phx_'))
        return reply
          .code(401)
          .type('text/plain')
          .send(`API key is not valid: ${key === '' ? 'empty' : 'not_a_token'}`);
      for (const event of body.batch ?? [body])
        events.keep({
          ...{ kind: 'posthog', name: event.event ?? 'unnamed', key, project: projectOf(key), payload: event },
        });
      return { status: 1 };
    });
  }
  const refused = (reply: FastifyReply) => reply.code(401).type('text/plain').send(INVALID);
  app.post('/flags/', async (request, reply) => {
    const { api_key, token = api_key ?? '', distinct_id } = jsonOf(request.body) as Sent;
    if (projectOf(token) === undefined) return refused(reply);
    if (!distinct_id)
      return reply.code(400).type('text/plain').send('The distinct_id field is missing from the request.');
    return { errorsWhileComputingFlags: false, featureFlags: {}, featureFlagPayloads: {}, flags: {} };
  });
  app.get('/flags/definitions', async (request, reply) => {
    const { token } = request.query as { token?: string };
    const project = world.posthog.projects.find((one) => one.api_token === token);
    const given = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const personal = bearerOf(request, world.posthog.tokens);
    const secrets = [project?.secret_api_token, project?.secret_api_token_backup];
    const may = personal && personal !== 'unknown' && personal.scopes.includes('feature_flag:read');
    if (!project || !given || !(may || secrets.includes(given))) return refused(reply);
    return { flags: [], group_type_mapping: {}, cohorts: {} };
  });
}
