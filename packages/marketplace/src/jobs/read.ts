import { notFound } from '../errors.ts';
import type { Services } from '../services.ts';

const PAGE = 20;

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
  const chainTasks = { where: { kind: 'CERTIFICATE' as const, doneAt: null }, select: { id: true } };
  const found = await db.job.findUnique({ where: { id }, include: { ...shown, reviews: true, chainTasks } });
  if (!found) throw notFound('job');
  const { chainTasks: minting, ...job } = found;
  return { ...jobView(job), certificatePending: minting.length > 0 };
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
