import { OpsError } from '@drydock/kit';
import { readJobsById, withJobs } from '../jobs/read.ts';
import { shown } from '../jobs/shown.ts';
import { type Made, markDeployed } from '../jobs/write.ts';
import type { Target } from '../target.ts';

/** The chain first, then the database: written only once the escrow is as deep as the config wants. */
export async function adopt(target: Target, job: string, made: Made): Promise<void> {
  await withJobs(target, (client) => markDeployed(client, target.escrow.database, job, made));
}

export async function verifyAdopted(target: Target, job: string, { address }: Made): Promise<void> {
  const [row] = await withJobs(target, (client) => readJobsById(client, target.escrow.database, [job]));
  if (row?.deployed && !row.pending && row.address === address) return;
  throw new OpsError({
    code: 'FLAGS_DIFFER',
    message: `Job ${shown(job)} was marked as deployed, and the database does not say so: something else writes it too.`,
    hint: `npm run escrow:inspect -- --job ${shown(job)}`,
  });
}
