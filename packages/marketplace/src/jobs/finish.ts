import type { z } from 'zod';
import { conflict, forbidden, notFound, ProductError } from '../errors.ts';
import { newId } from '../id.ts';
import type { Services } from '../services.ts';
import type { newReview } from './inputs.ts';
import { getJob } from './read.ts';

export async function review(services: Services, jobId: string, authorId: string, input: z.output<typeof newReview>) {
  needsFeature(services, 'reviews');
  const { db } = services;
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
  needsFeature(services, 'certificates');
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

/** A feature that is switched off is not there, by page or by API. */
function needsFeature({ config }: Services, feature: string): void {
  if (!config.FEATURE_FLAGS.includes(feature))
    throw new ProductError(
      404,
      'SWITCHED_OFF',
      `${feature[0]?.toUpperCase()}${feature.slice(1)} are switched off here.`,
    );
}
