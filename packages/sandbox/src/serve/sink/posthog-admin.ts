import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { bearerOf } from './read.ts';
import type { PostHogProject, SinkWorld } from './world.ts';

/** How each call changes the keys of a project (posthog.com/docs/api/projects). */
const CHANGES: Record<string, (project: PostHogProject) => void> = {
  reset_token: (project) => {
    project.api_token = newToken('phc');
  },
  rotate_secret_token: (project) => {
    project.secret_api_token_backup = project.secret_api_token;
    project.secret_api_token = newToken('phs');
  },
  delete_secret_token_backup: (project) => {
    project.secret_api_token_backup = null;
  },
};

const newToken = (prefix: string) => `${prefix}_${randomBytes(30).toString('base64url').replace(/[-_]/g, 'x')}`;

export function servePostHogAdmin(app: FastifyInstance, world: SinkWorld): void {
  const path = '/api/organizations/:organization/projects/:project/';
  const allowed = (request: FastifyRequest, reply: FastifyReply, scope: string): PostHogProject | undefined => {
    const no = (status: number, type: string, code: string, detail: string): undefined => {
      reply.code(status).send({ type, code, detail, attr: null });
    };
    const auth = 'authentication_error';
    const token = bearerOf(request, world.posthog.tokens);
    if (!token) return no(401, auth, 'not_authenticated', 'Authentication credentials were not provided.');
    if (token === 'unknown') return no(401, auth, 'authentication_failed', 'Personal API key is invalid.');
    if (!token.scopes.includes(scope))
      return no(403, auth, 'permission_denied', `API key missing required scope '${scope}'`);
    const { organization, project } = request.params as { organization: string; project: string };
    const own = organization === '@current' ? token.organization : organization;
    const found = world.posthog.projects.find((one) => String(one.id) === project && one.organization === own);
    if (!found || own !== token.organization) return no(404, 'invalid_request', 'not_found', 'Not found.');
    return found;
  };
  app.get(path, async (request, reply) => allowed(request, reply, 'project:read') ?? reply);
  for (const [call, change] of Object.entries(CHANGES))
    app.patch(`${path}${call}/`, async (request, reply) => {
      const project = allowed(request, reply, 'project:write');
      if (!project) return reply;
      change(project);
      world.keep();
      return project;
    });
}
