import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { bearerOf, jsonOf } from './read.ts';
import { hex, type SentryKey, type SentryProject, type SinkWorld } from './world.ts';

const FEW_SCOPES = ['project:read', 'project:write', 'project:admin'];
const name = z.string().max(64).nullish();
const rateLimit = z.strictObject({ window: z.number(), count: z.number() }).nullish();
const newKey = z.object({ name, rateLimit });
const changedKey = z.object({ name, rateLimit, isActive: z.boolean().optional() });

/** The keys of a project (docs.sentry.io/api/projects, "List a Project's Client Keys" and what follows). */
export function serveSentryAdmin(app: FastifyInstance, world: SinkWorld): void {
  const path = '/api/0/projects/:organization/:project/keys/';
  const shown = (request: FastifyRequest, { id }: SentryProject, key: SentryKey) => {
    const dsn = (user: string) => `http://${user}@${request.headers.host}${world.settings.prefix}/${id}`;
    const { public: key_, secret, ...rest } = key;
    return {
      ...{ id: key_, label: key.name, public: key_, secret, projectId: id, ...rest },
      dsn: { public: dsn(key_), secret: dsn(`${key_}:${secret}`) },
    };
  };
  const allowed = (request: FastifyRequest, reply: FastifyReply, scopes: string[]): SentryProject | undefined => {
    const token = bearerOf(request, world.sentry.tokens);
    const no = (status: number, detail: string): undefined => {
      reply.code(status).send({ detail });
    };
    if (!token) return no(401, 'Authentication credentials were not provided.');
    if (token === 'unknown') return no(401, 'Invalid token');
    const { organization, project } = request.params as Params;
    const found = world.sentry.projects.find(
      (one) => one.organization === organization && [one.slug, String(one.id)].includes(project),
    );
    if (!found) return no(404, 'The requested resource does not exist');
    if (token.organization !== organization || !scopes.some((scope) => token.scopes.includes(scope)))
      return no(403, 'You do not have permission to perform this action.');
    return found;
  };
  const keyOf = (request: FastifyRequest, reply: FastifyReply, project: SentryProject): SentryKey | undefined => {
    const key = project.keys.find((one) => one.public === (request.params as Params).key);
    if (!key) reply.code(404).send({ detail: 'The requested resource does not exist' });
    return key;
  };

  app.get(path, async (request, reply) => {
    const project = allowed(request, reply, FEW_SCOPES);
    if (!project) return reply;
    const { cursor = '0:0:0', status } = request.query as { cursor?: string; status?: string };
    const from = Number(cursor.split(':')[1]);
    const { pageSize } = world.settings;
    const all = [...project.keys].reverse().filter((key) => !status || key.isActive === (status === 'active'));
    const page = (start: number, rel: string, results: boolean) =>
      `<http://${request.headers.host}${request.url.split('?')[0]}?&cursor=0:${start}:0>; rel="${rel}"; results="${results}"; cursor="0:${start}:0"`;
    const before = Math.max(0, from - pageSize);
    reply.header(
      'link',
      [page(before, 'previous', from > 0), page(from + pageSize, 'next', all.length > from + pageSize)].join(', '),
    );
    return all.slice(from, from + pageSize).map((key) => shown(request, project, key));
  });
  app.post(path, async (request, reply) => {
    const project = allowed(request, reply, ['project:write', 'project:admin']);
    if (!project) return reply;
    const asked = newKey.safeParse(jsonOf(request.body));
    if (!asked.success) return reply.code(400).send({ name: ['Ensure this field has no more than 64 characters.'] });
    const { name: given, rateLimit: limit = null } = asked.data;
    const key: SentryKey = {
      ...{ public: hex(), secret: hex(), name: given || 'Liked Pegasus', isActive: true, rateLimit: limit },
    };
    project.keys.push(key);
    world.keep();
    return reply.code(201).send(shown(request, project, key));
  });
  app.get(`${path}:key/`, async (request, reply) => {
    const project = allowed(request, reply, FEW_SCOPES);
    const key = project && keyOf(request, reply, project);
    return key ? shown(request, project, key) : reply;
  });
  app.put(`${path}:key/`, async (request, reply) => {
    const project = allowed(request, reply, ['project:write', 'project:admin']);
    const key = project && keyOf(request, reply, project);
    if (!key) return reply;
    const { name: given, isActive, rateLimit: limit } = changedKey.parse(jsonOf(request.body));
    if (given) key.name = given;
    if (isActive !== undefined) key.isActive = isActive;
    if (limit !== undefined) key.rateLimit = limit;
    world.keep();
    return shown(request, project, key);
  });
  app.delete(`${path}:key/`, async (request, reply) => {
    const project = allowed(request, reply, ['project:admin']);
    const key = project && keyOf(request, reply, project);
    if (!key) return reply;
    project.keys = project.keys.filter((one) => one !== key);
    world.keep();
    return reply.code(204).send();
  });
}

type Params = { organization: string; project: string; key: string };
