import type { Address } from 'viem';
import { z } from 'zod';
import { conflict, forbidden, notFound } from '../errors.ts';
import { newId } from '../id.ts';
import type { Services } from '../services.ts';

const PAGE = 20;

export const newJob = z.object({
  title: z.string().trim().min(3, 'must have at least 3 characters').max(120),
  description: z.string().trim().min(1, 'must not be empty').max(10_000),
  milestones: z
    .array(
      z.object({
        title: z.string().trim().min(1).max(120),
        amount: z.string().regex(/^[1-9]\d{0,30}$/, 'must be a whole number of wei'),
      }),
    )
    .min(1, 'must have at least one')
    .max(20),
});
export const newApplication = z.object({ coverLetter: z.string().trim().min(1, 'must not be empty').max(5_000) });
export const newReview = z.object({
  rating: z.coerce.number().int().min(1).max(5),
  comment: z.string().trim().min(1, 'must not be empty').max(2_000),
});

const shown = {
  client: { select: { id: true, displayName: true } },
  freelancer: { select: { id: true, displayName: true, wallet: true } },
  milestones: { orderBy: { position: 'asc' as const } },
};

export async function listJobs({ db, cache }: Services, page: number) {
  return cache.jobs(String(page), async () => {
    const where = { status: { in: ['OPEN' as const, 'ASSIGNED' as const, 'FUNDED' as const] } };
    const [jobs, total] = await Promise.all([
      db.job.findMany({ where, include: shown, orderBy: { createdAt: 'desc' }, take: PAGE, skip: (page - 1) * PAGE }),
      db.job.count({ where }),
    ]);
    return { jobs: jobs.map(jobView), page, pages: Math.max(1, Math.ceil(total / PAGE)), total };
  });
}

export async function getJob({ db }: Services, id: string) {
  const job = await db.job.findUnique({ where: { id }, include: { ...shown, reviews: true } });
  if (!job) throw notFound('job');
  return { ...jobView(job), reviews: job.reviews };
}

/** Amounts are wei, which JSON numbers cannot hold: they leave as text. */
function jobView<T extends { milestones: { amount: { toFixed(): string } }[] }>(job: T) {
  return {
    ...job,
    milestones: job.milestones.map((milestone) => ({ ...milestone, amount: milestone.amount.toFixed() })) as (Omit<
      T['milestones'][number],
      'amount'
    > & { amount: string })[],
  };
}

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

export async function listApplications({ db }: Services, jobId: string, userId: string) {
  const job = await db.job.findUnique({ where: { id: jobId } });
  if (!job) throw notFound('job');
  const where = job.clientId === userId ? { jobId } : { jobId, freelancerId: userId };
  return db.application.findMany({
    where,
    include: { freelancer: { select: { id: true, displayName: true, wallet: true } } },
    orderBy: { createdAt: 'asc' },
  });
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

/** Puts the escrow into the chain's queue. Asked twice it is queued once. */
export async function requestEscrow(services: Services, jobId: string, clientId: string) {
  const { db } = services;
  const job = await db.job.findUnique({ where: { id: jobId } });
  if (!job) throw notFound('job');
  if (job.clientId !== clientId) throw forbidden('Only the client of the job funds it.');
  if (!job.freelancerId) throw conflict('Accept an application first.');
  if (!job.escrowDeployed && !job.escrowPending) {
    await db.$transaction([
      db.job.update({ where: { id: jobId }, data: { escrowPending: true, escrowSince: new Date() } }),
      db.chainTask.upsert({
        where: { kind_jobId: { kind: 'ESCROW', jobId } },
        create: { kind: 'ESCROW', jobId },
        update: { doneAt: null, runAfter: new Date() },
      }),
    ]);
  }
  return getJob(services, jobId);
}

export async function releaseMilestone(services: Services, jobId: string, position: number, clientId: string) {
  const { db, chain, cache } = services;
  const job = await db.job.findUnique({ where: { id: jobId }, include: { milestones: true } });
  if (!job) throw notFound('job');
  if (job.clientId !== clientId) throw forbidden('Only the client of the job releases its milestones.');
  const milestone = job.milestones.find((candidate) => candidate.position === position);
  if (!milestone) throw notFound('milestone');
  if (!job.escrowDeployed || !job.escrowAddress) throw conflict('The escrow is not funded yet.');
  if (!milestone.releasedAt) {
    const txHash = await chain.releaseMilestone(job.escrowAddress as Address, position);
    await db.milestone.update({
      where: { id: milestone.id },
      data: { releasedAt: new Date(), ...(txHash ? { releaseTxHash: txHash } : {}) },
    });
    const open = await db.milestone.count({ where: { jobId, releasedAt: null } });
    if (open === 0) await db.job.update({ where: { id: jobId }, data: { status: 'COMPLETED' } });
    await cache.jobsChanged();
  }
  return getJob(services, jobId);
}

export async function review({ db }: Services, jobId: string, authorId: string, input: z.output<typeof newReview>) {
  const job = await db.job.findUnique({ where: { id: jobId } });
  if (!job) throw notFound('job');
  if (job.clientId !== authorId && job.freelancerId !== authorId)
    throw forbidden('Only the two parties of a job review it.');
  if (job.status !== 'COMPLETED') throw conflict('A job is reviewed once it is finished.');
  return db.review.upsert({
    where: { jobId_authorId: { jobId, authorId } },
    create: { id: newId(), jobId, authorId, ...input },
    update: input,
  });
}

export async function requestCertificate(services: Services, jobId: string, userId: string) {
  const { db } = services;
  const job = await db.job.findUnique({ where: { id: jobId } });
  if (!job) throw notFound('job');
  if (job.clientId !== userId && job.freelancerId !== userId)
    throw forbidden('Only the two parties of a job ask for its certificate.');
  if (job.status !== 'COMPLETED') throw conflict('A certificate is for a finished job.');
  if (!job.certificateTokenId) {
    await db.chainTask.upsert({
      where: { kind_jobId: { kind: 'CERTIFICATE', jobId } },
      create: { kind: 'CERTIFICATE', jobId },
      update: {},
    });
  }
  return getJob(services, jobId);
}
