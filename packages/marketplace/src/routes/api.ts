import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { credentials, findUser, register, registration, signIn } from '../auth/users.ts';
import { slowDown } from '../config.ts';
import { ProductError } from '../errors.ts';
import { id } from '../input.ts';
import * as jobs from '../jobs/index.ts';
import type { Services } from '../services.ts';

const withId = z.object({ id });
const page = z.object({ page: z.coerce.number().int().min(1).max(10_000).default(1) });
const position = withId.extend({ position: z.coerce.number().int().min(0).max(100) });
const refresh = z.object({ refreshToken: z.string() });

/** The JSON API; see the table in the README. */
export function apiRoutes(app: FastifyInstance, services: Services): void {
  const { tokens, config } = services;
  const userOf = (request: FastifyRequest) => tokens.verify('access', bearer(request));
  const limited = slowDown(config);

  app.post('/api/register', limited, async (request, reply) =>
    reply.status(201).send({ user: await register(services, registration.parse(request.body)) }),
  );
  app.post('/api/login', limited, async (request) => {
    const user = await signIn(services, credentials.parse(request.body));
    return { user, ...(await tokens.issue(user.id)) };
  });
  app.post('/api/refresh', async (request) => {
    const user = await findUser(services, await tokens.verify('refresh', refresh.parse(request.body).refreshToken));
    return tokens.issue(user.id);
  });
  app.get('/api/me', async (request) => ({ user: await findUser(services, await userOf(request)) }));

  app.get('/api/jobs', async (request) => jobs.listJobs(services, page.parse(request.query).page));
  app.post('/api/jobs', async (request, reply) => {
    const user = await userOf(request);
    return reply.status(201).send({ job: await jobs.postJob(services, user, jobs.newJob.parse(request.body)) });
  });
  app.get('/api/jobs/:id', async (request) => ({ job: await jobs.getJob(services, withId.parse(request.params).id) }));
  app.get('/api/jobs/:id/applications', async (request) => ({
    applications: await jobs.listApplications(services, withId.parse(request.params).id, await userOf(request)),
  }));
  app.post('/api/jobs/:id/applications', async (request, reply) => {
    const user = await userOf(request);
    const application = await jobs.apply(
      services,
      withId.parse(request.params).id,
      user,
      jobs.newApplication.parse(request.body),
    );
    return reply.status(201).send({ application });
  });
  app.post('/api/applications/:id/accept', async (request) => ({
    job: await jobs.accept(services, withId.parse(request.params).id, await userOf(request)),
  }));
  app.post('/api/jobs/:id/escrow', async (request, reply) => {
    const job = await jobs.requestEscrow(services, withId.parse(request.params).id, await userOf(request));
    return reply.status(job.escrowDeployed ? 200 : 202).send({ job });
  });
  app.post('/api/jobs/:id/milestones/:position/release', async (request) => {
    const params = position.parse(request.params);
    return { job: await jobs.releaseMilestone(services, params.id, params.position, await userOf(request)) };
  });
  app.post('/api/jobs/:id/reviews', async (request, reply) => {
    const user = await userOf(request);
    return reply.status(201).send({
      review: await jobs.review(services, withId.parse(request.params).id, user, jobs.newReview.parse(request.body)),
    });
  });
  app.post('/api/jobs/:id/certificate', async (request, reply) => {
    const job = await jobs.requestCertificate(services, withId.parse(request.params).id, await userOf(request));
    return reply.status(job.certificateTokenId ? 200 : 202).send({ job });
  });
}

function bearer({ headers }: FastifyRequest): string {
  const [, token] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
  if (!token) throw new ProductError(401, 'UNAUTHENTICATED', 'Sign in first.');
  return token;
}
