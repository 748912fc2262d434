import type { Address, Hex } from 'viem';
import { conflict, forbidden, notFound } from '../errors.ts';
import type { Services } from '../services.ts';
import { getJob } from './read.ts';

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
    const where = { id: milestone.id };
    const releaseTxHash = await chain.releaseMilestone(job.escrowAddress as Address, position, {
      recall: async () => (await db.milestone.findUniqueOrThrow({ where })).releaseTxHash as Hex | null,
      remember: (hash) => db.milestone.update({ where, data: { releaseTxHash: hash } }),
    });
    await db.milestone.update({ where, data: { releasedAt: new Date(), releaseTxHash } });
    const open = await db.milestone.count({ where: { jobId, releasedAt: null } });
    if (open === 0) await db.job.update({ where: { id: jobId }, data: { status: 'COMPLETED' } });
    await cache.jobsChanged();
  }
  return getJob(services, jobId);
}
