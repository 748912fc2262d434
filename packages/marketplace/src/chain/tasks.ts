import type { Address, Hex } from 'viem';
import type { Services } from '../services.ts';

/** Makes the escrow of a job, or finds it made. A job whose escrow was rolled back is over. */
export async function createEscrow({ db, chain, cache, tracker }: Services, jobId: string): Promise<void> {
  const where = { id: jobId };
  const job = await db.job.findUniqueOrThrow({
    where,
    include: { client: true, freelancer: true, milestones: { orderBy: { position: 'asc' } } },
  });
  if (!job.freelancer) throw new Error(`Job ${jobId} has no freelancer.`);
  const order = {
    jobId,
    client: job.client.wallet as Address,
    freelancer: job.freelancer.wallet as Address,
    amounts: job.milestones.map(({ amount }) => BigInt(amount.toFixed())),
  };
  const { address, txHash, rolledBack } = await chain.createEscrow(order, {
    recall: async () => (await db.job.findUniqueOrThrow({ where })).escrowTxHash as Hex | null,
    remember: (escrowTxHash) => db.job.update({ where, data: { escrowTxHash } }),
  });
  if (rolledBack) {
    await db.job.update({ where, data: { escrowPending: false, status: 'CANCELLED' } });
    await cache.jobsChanged();
    return;
  }
  await db.job.update({
    where,
    data: {
      escrowPending: false,
      escrowDeployed: true,
      escrowAddress: address,
      escrowTxHash: txHash,
      status: 'FUNDED',
    },
  });
  await cache.jobsChanged();
  tracker.event('escrow_created', job.clientId, { jobId });
}

/** Mints the certificate of a job, or finds it minted. */
export async function mintCertificate({ db, chain, tracker }: Services, jobId: string): Promise<void> {
  const where = { id: jobId };
  const job = await db.job.findUniqueOrThrow({ where, include: { freelancer: true } });
  if (!job.freelancer) throw new Error(`Job ${jobId} has no freelancer.`);
  const { tokenId, txHash } = await chain.mintCertificate(job.freelancer.wallet as Address, jobId, {
    recall: async () => (await db.job.findUniqueOrThrow({ where })).certificateTxHash as Hex | null,
    remember: (certificateTxHash) => db.job.update({ where, data: { certificateTxHash } }),
  });
  await db.job.update({
    where,
    data: { certificateTokenId: String(tokenId), certificateTxHash: txHash },
  });
  tracker.event('certificate_minted', job.freelancer.id, { jobId });
}
