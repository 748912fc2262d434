import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from 'viem';
import type { ChainTaskKind } from '../../generated/prisma/enums.ts';
import type { Services } from '../services.ts';

const POLL_MS = 250;
/** A worker that dies leaves its row to others after this. */
const LEASE_SECONDS = 90;
const RETRY_MAX_MS = 60_000;

interface Claimed {
  id: bigint;
  kind: ChainTaskKind;
  jobId: string;
  attempts: number;
}

/**
 * Takes rows of the chain queue one by one. The chain is asked first each time, so a worker that was killed after
 * sending never sends again.
 */
export function startWorker(
  services: Services,
  log: (error: unknown, task: Claimed) => void,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      const busy = await runOne(services, log).catch(() => false);
      if (!busy) await sleep(POLL_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();
  return {
    /** Finishes the row in hand. */
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

async function runOne(services: Services, log: (error: unknown, task: Claimed) => void): Promise<boolean> {
  const task = await claim(services);
  if (!task) return false;
  try {
    await (task.kind === 'ESCROW' ? createEscrow(services, task.jobId) : mintCertificate(services, task.jobId));
    await services.db.chainTask.update({ where: { id: task.id }, data: { doneAt: new Date(), lastError: null } });
  } catch (error) {
    log(error, task);
    services.tracker.error(error, { job: task.jobId, kind: task.kind });
    const wait = Math.min(1_000 * 2 ** task.attempts, RETRY_MAX_MS);
    const lastError = ((error as { shortMessage?: string }).shortMessage ?? String(error)).slice(0, 500);
    await services.db.chainTask.update({
      where: { id: task.id },
      data: { lastError, runAfter: new Date(Date.now() + wait) },
    });
  }
  return true;
}

async function claim({ pool }: Services): Promise<Claimed | undefined> {
  const { rows } = await pool.query<Claimed>(
    `UPDATE "ChainTask" SET "attempts" = "attempts" + 1, "runAfter" = (now() AT TIME ZONE 'utc') + make_interval(secs => $1)
      WHERE "id" = (SELECT "id" FROM "ChainTask" WHERE "doneAt" IS NULL AND "runAfter" <= (now() AT TIME ZONE 'utc')
                     ORDER BY "id" LIMIT 1 FOR UPDATE SKIP LOCKED)
      RETURNING "id", "kind", "jobId", "attempts"`,
    [LEASE_SECONDS],
  );
  return rows[0];
}

async function createEscrow({ db, chain, cache, tracker }: Services, jobId: string): Promise<void> {
  const job = await db.job.findUniqueOrThrow({
    where: { id: jobId },
    include: { client: true, freelancer: true, milestones: { orderBy: { position: 'asc' } } },
  });
  if (!job.freelancer) throw new Error(`Job ${jobId} has no freelancer.`);
  const { address, txHash } = await chain.createEscrow({
    jobId,
    client: job.client.wallet as Address,
    freelancer: job.freelancer.wallet as Address,
    amounts: job.milestones.map(({ amount }) => BigInt(amount.toFixed())),
  });
  await db.job.update({
    where: { id: jobId },
    data: {
      escrowPending: false,
      escrowDeployed: true,
      escrowAddress: address,
      status: 'FUNDED',
      ...(txHash ? { escrowTxHash: txHash } : {}),
    },
  });
  await cache.jobsChanged();
  tracker.event('escrow_created', job.clientId, { jobId });
}

async function mintCertificate({ db, chain, tracker }: Services, jobId: string): Promise<void> {
  const job = await db.job.findUniqueOrThrow({ where: { id: jobId }, include: { freelancer: true } });
  if (!job.freelancer) throw new Error(`Job ${jobId} has no freelancer.`);
  const { tokenId, txHash } = await chain.mintCertificate(job.freelancer.wallet as Address, jobId);
  await db.job.update({
    where: { id: jobId },
    data: { certificateTokenId: String(tokenId), ...(txHash ? { certificateTxHash: txHash } : {}) },
  });
  tracker.event('certificate_minted', job.freelancer.id, { jobId });
}
