import type { z } from 'zod';
import { conflict, forbidden, notFound } from '../errors.ts';
import { newId } from '../id.ts';
import type { Services } from '../services.ts';
import type { newApplication, newJob } from './inputs.ts';
import { getJob } from './read.ts';

export async function postJob(services: Services, clientId: string, input: z.output<typeof newJob>) {
  const { db, cache, tracker } = services;
  const id = newId();
  await db.job.create({
    data: {
      id,
      clientId,
      title: input.title,
      description: input.description,
      milestones: {
        create: input.milestones.map(({ title, amount }, position) => ({ id: newId(), position, title, amount })),
      },
    },
  });
  await cache.jobsChanged();
  tracker.event('job_posted', clientId, { jobId: id });
  return getJob(services, id);
}

export async function apply(
  { db }: Services,
  jobId: string,
  freelancerId: string,
  { coverLetter }: z.output<typeof newApplication>,
) {
  const job = await db.job.findUnique({ where: { id: jobId } });
  if (!job) throw notFound('job');
  if (job.clientId === freelancerId) throw forbidden('Nobody can apply for a job of their own.');
  if (job.status !== 'OPEN') throw conflict('This job is taken.');
  const before = await db.application.findUnique({ where: { jobId_freelancerId: { jobId, freelancerId } } });
  return before ?? db.application.create({ data: { id: newId(), jobId, freelancerId, coverLetter } });
}

export async function accept(services: Services, applicationId: string, clientId: string) {
  const { db, cache } = services;
  const application = await db.application.findUnique({ where: { id: applicationId }, include: { job: true } });
  if (!application) throw notFound('application');
  if (application.job.clientId !== clientId) throw forbidden('Only the client of the job accepts applications.');
  await db.$transaction(async (tx) => {
    // Only one of two acceptances at once finds the job still open.
    const taken = await tx.job.updateMany({
      where: { id: application.jobId, status: 'OPEN' },
      data: { status: 'ASSIGNED', freelancerId: application.freelancerId },
    });
    if (taken.count === 0) throw conflict('This job is taken.');
    await tx.application.updateMany({
      where: { jobId: application.jobId, id: { not: applicationId } },
      data: { status: 'DECLINED' },
    });
    await tx.application.update({ where: { id: applicationId }, data: { status: 'ACCEPTED' } });
  });
  await cache.jobsChanged();
  return getJob(services, application.jobId);
}
