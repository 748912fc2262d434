import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { credentials, type PublicUser, register, registration, signIn } from '../auth/users.ts';
import { ProductError } from '../errors.ts';
import * as jobs from '../jobs/service.ts';
import type { Services } from '../services.ts';
import { closeSession, currentUser, openSession, refuseForeignForms } from './session.ts';

type Form = Record<string, string | string[] | undefined>;
const idOf = (request: FastifyRequest) => z.object({ id: z.string().max(64) }).parse(request.params).id;

/** The pages that people use: the API's own functions behind forms. */
export function pageRoutes(app: FastifyInstance, services: Services): void {
  const { config } = services;
  const render = async (request: FastifyRequest, reply: FastifyReply, view: string, data: object) => {
    const user = await currentUser(services, request, reply);
    return reply.view(view, { user, flags: config.FEATURE_FLAGS, errors: {}, form: {}, ...data });
  };
  const signedIn = async (request: FastifyRequest, reply: FastifyReply): Promise<PublicUser> => {
    const user = await currentUser(services, request, reply);
    if (!user) throw new ProductError(401, 'UNAUTHENTICATED', 'Sign in first.');
    return user;
  };

  app.get('/', async (request, reply) => {
    const { page } = z.object({ page: z.coerce.number().int().min(1).max(10_000).catch(1) }).parse(request.query);
    return render(request, reply, 'jobs', { title: 'Open jobs', ...(await jobs.listJobs(services, page)) });
  });
  app.get('/register', (request, reply) => render(request, reply, 'register', { title: 'Register' }));
  app.get('/login', (request, reply) => render(request, reply, 'login', { title: 'Sign in' }));
  app.get('/jobs/new', async (request, reply) => {
    await signedIn(request, reply);
    return render(request, reply, 'new-job', { title: 'Post a job' });
  });
  app.get('/jobs/:id', async (request, reply) => {
    const job = await jobs.getJob(services, idOf(request));
    const user = await currentUser(services, request, reply);
    const applications = user ? await jobs.listApplications(services, job.id, user.id) : [];
    return render(request, reply, 'job', { title: job.title, job, applications, ether: formatEther });
  });

  app.register(async (forms) => {
    forms.addHook('preHandler', async (request) => refuseForeignForms(request));
    /** Shows the form again with what was wrong, or goes on. */
    const form = (
      view: string,
      title: string,
      submit: (body: Form, request: FastifyRequest, reply: FastifyReply) => Promise<string>,
    ) => {
      return async (request: FastifyRequest, reply: FastifyReply) => {
        const body = (request.body ?? {}) as Form;
        try {
          return reply.redirect(await submit(body, request, reply), 303);
        } catch (error) {
          const errors = formErrors(error);
          if (!errors) throw error;
          const { password: _, ...kept } = body;
          reply.status(422);
          return render(request, reply, view, { title, errors, form: kept });
        }
      };
    };
    forms.post(
      '/register',
      form('register', 'Register', async (body, _, reply) => {
        const user = await register(services, registration.parse(body));
        await openSession(services, reply, user.id);
        return '/';
      }),
    );
    forms.post(
      '/login',
      form('login', 'Sign in', async (body, _, reply) => {
        const user = await signIn(services, credentials.parse(body));
        await openSession(services, reply, user.id);
        return '/';
      }),
    );
    forms.post('/logout', async (_, reply) => {
      closeSession(reply);
      return reply.redirect('/', 303);
    });
    forms.post(
      '/jobs/new',
      form('new-job', 'Post a job', async (body, request, reply) => {
        const user = await signedIn(request, reply);
        const job = await jobs.postJob(services, user.id, jobs.newJob.parse(readJobForm(body)));
        return `/jobs/${job.id}`;
      }),
    );
    const action = (path: string, act: (user: PublicUser, request: FastifyRequest) => Promise<unknown>) => {
      forms.post(path, async (request, reply) => {
        const user = await signedIn(request, reply);
        await act(user, request);
        const { back } = z
          .object({
            back: z
              .string()
              .regex(/^\/[\w/-]*$/)
              .optional(),
          })
          .parse(request.body ?? {});
        return reply.redirect(back ?? `/jobs/${idOf(request)}`, 303);
      });
    };
    action('/jobs/:id/apply', (user, request) =>
      jobs.apply(services, idOf(request), user.id, jobs.newApplication.parse(request.body)),
    );
    action('/applications/:id/accept', (user, request) => jobs.accept(services, idOf(request), user.id));
    action('/jobs/:id/escrow', (user, request) => jobs.requestEscrow(services, idOf(request), user.id));
    action('/jobs/:id/release', (user, request) =>
      jobs.releaseMilestone(services, idOf(request), Number((request.body as Form).position), user.id),
    );
    action('/jobs/:id/review', (user, request) =>
      jobs.review(services, idOf(request), user.id, jobs.newReview.parse(request.body)),
    );
    action('/jobs/:id/certificate', (user, request) => jobs.requestCertificate(services, idOf(request), user.id));
  });
}

/** Milestones come as two lists, amounts in ether as people write them. */
function readJobForm(body: Form): object {
  const list = (value: string | string[] | undefined) =>
    Array.isArray(value) ? value : value === undefined ? [] : [value];
  const titles = list(body.milestoneTitle);
  const amounts = list(body.milestoneAmount);
  const milestones = titles
    .map((title, i) => ({ title, amount: parseEther(amounts[i] ?? '') }))
    .filter(({ title, amount }) => title.trim() || amount);
  return { title: body.title ?? '', description: body.description ?? '', milestones };
}

function formErrors(error: unknown): Record<string, string> | undefined {
  if (error instanceof z.ZodError)
    return Object.fromEntries(error.issues.map(({ path, message }) => [String(path[0] ?? 'form'), message]));
  if (error instanceof ProductError && error.status !== 403) return { form: error.message };
  return undefined;
}

const WEI_DIGITS = 18;

/** `0.25` → wei as text; text that is no amount stays as it is and fails the check that follows. */
function parseEther(text: string): string {
  const [, whole = '', fraction = ''] = /^(\d*)\.?(\d{0,18})$/.exec(text.trim()) ?? [];
  return whole || fraction ? String(BigInt(`${whole}${fraction.padEnd(WEI_DIGITS, '0')}`)) : text;
}

function formatEther(wei: string): string {
  const digits = wei.padStart(WEI_DIGITS + 1, '0');
  const fraction = digits.slice(-WEI_DIGITS).replace(/0+$/, '');
  return `${digits.slice(0, -WEI_DIGITS)}${fraction ? `.${fraction}` : ''}`;
}
