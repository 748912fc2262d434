import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Services } from '../services.ts';
import { currentUser } from './session.ts';

export type Render = (
  request: FastifyRequest,
  reply: FastifyReply,
  view: string,
  data: object,
) => Promise<FastifyReply>;

/** Shows a view with what the layout and every form of it need: who is signed in, the feature flags, a form token. */
export function createRender(services: Services): Render {
  return async (request, reply, view, data) => {
    // A page of bad news must not fail for want of a name in its header; it can come before cookies are read, too.
    const calm = reply.statusCode < 500;
    const user = calm ? await currentUser(services, request, reply) : undefined;
    const csrf = calm ? reply.generateCsrf() : '';
    return reply.view(view, { user, flags: services.config.FEATURE_FLAGS, csrf, errors: {}, form: {}, ...data });
  };
}
