import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { credentials, type PublicUser, register, registration, signIn } from '../auth/users.ts';
import { slowDown } from '../config.ts';
import { id } from '../input.ts';
import * as jobs from '../jobs/index.ts';
import type { Services } from '../services.ts';
import { type Form, formErrors, readJobForm } from './form-input.ts';
import { jobIdOf, showJob } from './pages.ts';
import type { Render } from './render.ts';
import { closeSession, openSession, refuseForeignForms, signedIn } from './session.ts';

interface FormOptions {
  services: Services;
  render: Render;
}
type Again = (request: FastifyRequest, reply: FastifyReply, data: object) => Promise<FastifyReply>;
type Submit = (body: Form, request: FastifyRequest, reply: FastifyReply) => Promise<string>;

/** What people send: the API's own functions behind forms, each with a token that another site cannot know. */
export function formRoutes(app: FastifyInstance, { services, render }: FormOptions): void {
  const limited = slowDown(services.config);
  app.register(async (forms) => {
    forms.addHook('preHandler', async (request) => refuseForeignForms(request));
    forms.addHook('preHandler', forms.csrfProtection);

    /** Goes on to where `submit` says, or shows the form again with what was wrong. */
    const form = (again: Again, submit: Submit) => async (request: FastifyRequest, reply: FastifyReply) => {
      const body = (request.body ?? {}) as Form;
      let next: string;
      try {
        next = await submit(body, request, reply);
      } catch (error) {
        const errors = formErrors(error);
        if (!errors) throw error;
        const { password: _, ...kept } = body;
        reply.status(422);
        return again(request, reply, { errors, form: kept });
      }
      return reply.redirect(next, 303);
    };
    const view =
      (name: string, title: string): Again =>
      (request, reply, data) =>
        render(request, reply, name, { title, ...data });

    const enter = async (reply: FastifyReply, { id }: PublicUser) => {
      await openSession(services, reply, id);
      return '/';
    };
    forms.post(
      '/register',
      limited,
      form(view('register', 'Register'), async (body, _, reply) =>
        enter(reply, await register(services, registration.parse(body))),
      ),
    );
    forms.post(
      '/login',
      limited,
      form(view('login', 'Sign in'), async (body, _, reply) =>
        enter(reply, await signIn(services, credentials.parse(body))),
      ),
    );
    forms.post('/logout', async (_, reply) => {
      closeSession(reply);
      return reply.redirect('/', 303);
    });
    forms.post(
      '/jobs/new',
      form(view('new-job', 'Post a job'), async (body, request, reply) => {
        const user = await signedIn(services, request, reply);
        const job = await jobs.postJob(services, user.id, jobs.newJob.parse(readJobForm(body)));
        return `/jobs/${job.id}`;
      }),
    );

    const again: Again = (request, reply, data) => showJob({ services, render }, request, reply, data);
    const onJob = (action: string, act: (jobId: string, userId: string, body: Form) => Promise<unknown>) =>
      forms.post(
        `/jobs/:id/${action}`,
        form(again, async (body, request, reply) => {
          const user = await signedIn(services, request, reply);
          const jobId = jobIdOf(request);
          await act(jobId, user.id, body);
          return `/jobs/${jobId}`;
        }),
      );
    onJob('apply', (job, user, body) => jobs.apply(services, job, user, jobs.newApplication.parse(body)));
    onJob('accept', (_, user, { application }) => jobs.accept(services, id.parse(application), user));
    onJob('escrow', (job, user) => jobs.requestEscrow(services, job, user));
    onJob('release', (job, user, { position }) => jobs.releaseMilestone(services, job, Number(position), user));
    onJob('review', (job, user, body) => jobs.review(services, job, user, jobs.newReview.parse(body)));
    onJob('certificate', (job, user) => jobs.requestCertificate(services, job, user));
  });
}
