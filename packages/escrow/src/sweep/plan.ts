import { shownName, toOpsError } from '@drydock/kit';
import type { Address } from 'viem';
import { readEscrow } from '../chain/escrow-state.ts';
import { createDeed } from '../deeds/create.ts';
import { readOrder } from '../jobs/order.ts';
import { refuseHopeless } from '../retry/plan.ts';
import type { Session } from '../session.ts';
import { type Surveyed, survey } from '../survey.ts';
import { requireTerms } from '../terms.ts';

/** Journalled with the run: a resumed sweep goes on with the jobs that it began with. */
export type SweepPlan = {
  jobs: {
    job: string;
    address: string;
    order: { jobId: string; client: string; freelancer: string; amounts: string[] };
  }[];
  /** Cannot be made, and why. */
  left: { job: string; code: string; message: string }[];
  /** Past the threshold too, beyond the limit. */
  more: number;
  lines: string[];
};

/** The jobs that have been pending for longer than the threshold, the oldest first. */
export async function planSweep(
  session: Session,
  { limit, stuckAfterMs }: { limit: number; stuckAfterMs: number | undefined },
): Promise<SweepPlan> {
  const { target, reader, locate } = session;
  const late: Surveyed[] = [];
  const threshold = stuckAfterMs ?? target.escrow.stuckAfterMs;
  const now = Date.now();
  const { block, incomplete } = await survey(target, reader, locate, {
    marked: true,
    stuckAfterMs: threshold,
    now,
    // What stands in the place of an escrow is told too: it waits for a person.
    wanted: ({ verdict, state }) => verdict === 'stuck' || verdict === 'orphaned' || state === 'not an escrow',
    onJob(job) {
      const old = job.row.sinceMs === null || now - job.row.sinceMs > threshold;
      if (job.row.pending && old) late.push(job);
    },
  });
  late.sort((a, b) => (a.row.sinceMs ?? 0) - (b.row.sinceMs ?? 0));
  const plan: SweepPlan = { jobs: [], left: [], more: Math.max(0, late.length - limit), lines: [] };
  const leave = (job: string, code: string, message: string) => {
    plan.left.push({ job, code, message });
    plan.lines.push(`leave job ${shownName(job)}: ${message}`);
  };
  // What says that its escrow is there is not for a sweep.
  for (const { row, why } of incomplete.jobs)
    if (row.deployed !== true) leave(row.id, 'JOB_INCOMPLETE', `Job ${shownName(row.id)}: ${why}.`);
  for (const { row, address, state } of late.slice(0, limit)) {
    try {
      const escrow = await readEscrow(target, reader, address, block);
      refuseHopeless(row, address, escrow);
      const order = await readOrder(target, row.id);
      if (escrow.exists) await requireTerms(session, order, address, block);
      // Tried here: what cannot be called is told before anything is sent.
      createDeed(target, order, address as Address);
      plan.jobs.push({ job: row.id, address, order: { ...order } });
      plan.lines.push(`job ${shownName(row.id)}: ${state} at ${address}`);
    } catch (thrown) {
      const { code, message } = toOpsError(thrown);
      leave(row.id, code, message);
    }
  }
  if (plan.more > 0) plan.lines.push(`${plan.more} more are past the threshold, and wait for the next sweep (--limit)`);
  return plan;
}
