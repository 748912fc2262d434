import type { FastifyReply, FastifyRequest } from 'fastify';
import { findUser, type PublicUser } from '../auth/users.ts';
import { ProductError, SignInFirst } from '../errors.ts';
import type { Services } from '../services.ts';

const ACCESS = 'access';
const REFRESH = 'refresh';

/** The tokens of the API in cookies that scripts cannot read and other sites cannot send. */
export async function openSession({ tokens, config }: Services, reply: FastifyReply, userId: string): Promise<void> {
  const { accessToken, refreshToken } = await tokens.issue(userId);
  const options = {
    httpOnly: true,
    sameSite: 'strict' as const,
    path: '/',
    secure: config.NODE_ENV === 'production' && reply.request.protocol === 'https',
  };
  reply.setCookie(ACCESS, accessToken, options).setCookie(REFRESH, refreshToken, options);
}

export function closeSession(reply: FastifyReply): void {
  reply.clearCookie(ACCESS, { path: '/' }).clearCookie(REFRESH, { path: '/' });
}

/** Who is signed in, if anybody; an expired access token is renewed on the way. */
export async function currentUser(
  services: Services,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<PublicUser | undefined> {
  const { tokens } = services;
  const { access, refresh } = request.cookies;
  try {
    if (access) return await findUser(services, await tokens.verify('access', access));
  } catch (error) {
    if (!(error instanceof ProductError)) throw error;
  }
  try {
    if (!refresh) return undefined;
    const user = await findUser(services, await tokens.verify('refresh', refresh));
    await openSession(services, reply, user.id);
    return user;
  } catch (error) {
    if (!(error instanceof ProductError)) throw error;
    return undefined;
  }
}

/** Whoever is signed in; throws what leads to the sign-in page when nobody is. */
export async function signedIn(services: Services, request: FastifyRequest, reply: FastifyReply): Promise<PublicUser> {
  const user = await currentUser(services, request, reply);
  if (!user) throw new SignInFirst();
  return user;
}

/** A form of another site is refused even by a browser that knows no SameSite. */
export function refuseForeignForms(request: FastifyRequest): void {
  const { origin, host } = request.headers;
  if (origin && origin !== 'null' && URL.parse(origin)?.host === host) return;
  if (!origin && request.headers['sec-fetch-site'] !== 'cross-site') return;
  throw new ProductError(403, 'FOREIGN_FORM', 'This form was not sent from this site.');
}
