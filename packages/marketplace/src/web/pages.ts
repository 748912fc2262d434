import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { id } from '../input.ts';
import * as jobs from '../jobs/index.ts';
import type { Services } from '../services.ts';
import { formatEther } from './ether.ts';
import type { Render } from './render.ts';
import { currentUser, signedIn } from './session.ts';

interface PageOptions {
  services: Services;
  render: Render;
}

const pageQuery = z.object({ page: z.coerce.number().int().min(1).max(10_000).catch(1) });

/** What people read. */
export function pageRoutes(app: FastifyInstance, { services, render }: PageOptions): void {
  app.get('/', async (request, reply) => {
    const { page } = pageQuery.parse(request.query);
    return render(request, reply, 'jobs', { title: 'Open jobs', ...(await jobs.listJobs(services, page)) });
  });
  app.get('/register', (request, reply) => render(request, reply, 'register', { title: 'Register' }));
  app.get('/login', (request, reply) => render(request, reply, 'login', { title: 'Sign in' }));
  app.get('/jobs/new', async (request, reply) => {
    await signedIn(services, request, reply);
    return render(request, reply, 'new-job', { title: 'Post a job' });
  });
  app.get('/jobs/:id', (request, reply) => showJob({ services, render }, request, reply));
}

export const jobIdOf = ({ params }: FastifyRequest) => z.object({ id }).parse(params).id;

/** The page of a job; `data` is what was wrong with a form on it. */
export async function showJob(
  { services, render }: PageOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  data: object = {},
): Promise<FastifyReply> {
  const job = await jobs.getJob(services, jobIdOf(request));
  const user = await currentUser(services, request, reply);
  const applications = user ? await jobs.listApplications(services, job.id, user.id) : [];
  return render(request, reply, 'job', { title: job.title, job, applications, ether: formatEther, ...data });
}
