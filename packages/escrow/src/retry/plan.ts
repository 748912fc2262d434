import { command, formatDuration, hint, shownName } from '@drydock/kit';
import { formatEther, formatGwei } from 'viem';
import { refused } from '../chain/errors.ts';
import { type EscrowState, readEscrow } from '../chain/escrow-state.ts';
import { pin } from '../chain/head.ts';
import { requireRole } from '../chain/roles.ts';
import { createDeed, notAskedFor } from '../deeds/create.ts';
import { whyElsewhere } from '../elsewhere.ts';
import { readOrder } from '../jobs/order.ts';
import { readJob } from '../jobs/read.ts';
import { jobIncomplete } from '../jobs/row.ts';
import type { JobRow, Order } from '../jobs/types.ts';
import type { Sending } from '../send/actor.ts';
import { type Decision, decide } from '../send/decide.ts';
import { observe } from '../send/observe.ts';
import { simulate } from '../send/sign.ts';
import type { Session } from '../session.ts';
import { requireTerms } from '../terms.ts';
import { judge } from '../verdict.ts';

/** Journalled with the run: a resumed retry makes the escrow that it began with. */
export type RetryPlan = {
  job: string;
  address: string;
  order: { jobId: string; client: string; freelancer: string; amounts: string[] };
  /** Both sides agree already. */
  settled: boolean;
  /** In a person's words. */
  lines: string[];
};

/** What a retry of one job would do. Refuses what can never work, before anything is signed. */
export async function planRetry(session: Session, sending: Sending, typed: string): Promise<RetryPlan> {
  const { target, reader, locate } = session;
  const row = await readJob(target, typed);
  const job = row.id;
  if (row.problem !== undefined) throw jobIncomplete(row, row.problem);
  const address = await locate.one(job);
  const { number } = await pin(target, reader);
  const escrow = await readEscrow(target, reader, address, number);
  refuseHopeless(row, address, escrow);
  const elsewhere = escrow.exists ? undefined : await whyElsewhere(session, row, address);
  if (elsewhere !== undefined) throw otherFactory(job, elsewhere);
  const order = await readOrder(target, job);
  if (escrow.exists && !row.deployed) await requireTerms(session, order, address, number);
  const judgement = judge(row, address, escrow, { now: Date.now(), stuckAfterMs: target.escrow.stuckAfterMs });
  const settled = escrow.exists && judgement.verdict === 'ok';
  const lines = settled ? [] : [`job ${shownName(job)}: ${judgement.state} at ${address}, ${believed(row)}`];
  if (!settled) lines.push(...(await linesOfDecision(session, sending, order, address)));
  return { job, address, order: { ...order }, settled, lines };
}

function otherFactory(job: string, why: string) {
  return refused(
    'OTHER_FACTORY',
    `Job ${shownName(job)} is left alone: ${why}.`,
    'Name that factory for this run, by the variable of chain.escrowFactory (docs/ESCROW_CONTRACTS.md).',
  );
}

/** What no transaction can mend. */
export function refuseHopeless(row: JobRow, address: string, escrow: EscrowState): void {
  const job = shownName(row.id);
  if (escrow.foreign)
    throw refused(
      'NOT_AN_ESCROW',
      `What stands at ${address} for job ${job} does not answer like an escrow.`,
      'Do escrow.abi and escrow.reads in drydock.config.ts belong to this factory?',
    );
  if (escrow.rolledBack)
    throw refused(
      'ROLLED_BACK',
      `The escrow of job ${job} was rolled back, and that is final: its salt is the job, so there is no second one.`,
      hint`${command('escrow:inspect', { job })} shows when and by whom. A new job gets a new escrow.`,
    );
  if (escrow.exists) refuseOtherAmounts(row, address, escrow);
  if (escrow.exists || row.pending || row.deployed) return;
  throw notAskedFor(row.id);
}

/** An escrow that is there is adopted only if it holds what the job says. */
function refuseOtherAmounts(row: JobRow, address: string, { unreleased }: EscrowState): void {
  const expected = row.open ?? row.total;
  if (row.deployed || unreleased === expected) return;
  throw refused(
    'AMOUNT_MISMATCH',
    `The escrow of job ${shownName(row.id)} at ${address} holds ${unreleased} wei unreleased, and the job says ${expected} wei.`,
    hint`${command('escrow:inspect', { job: row.id })} shows both; payments that the database missed: ${command('escrow:reconcile', { fix: true })}`,
  );
}

function believed({ pending, deployed, sinceMs }: JobRow): string {
  const flags = `pending=${pending} deployed=${deployed}`;
  return sinceMs === null ? flags : `${flags} for ${formatDuration(Math.max(0, Date.now() - sinceMs))}`;
}

async function linesOfDecision(session: Session, sending: Sending, order: Order, address: string): Promise<string[]> {
  const { target, reader } = session;
  const deed = createDeed(target, order, address as `0x${string}`);
  const from = sending.account.address;
  const decision = decide(await observe({ target, reader, account: from, cap: sending.cap, floor: 0 }, deed));
  if (decision.action === 'send' || decision.action === 'replace') {
    await requireRole(target, reader, 'create', from);
    await simulate(sending, deed);
  }
  return [describeDecision(decision, from, deed.call.value)];
}

export function describeDecision(decision: Decision, from: string, value: bigint): string {
  switch (decision.action) {
    case 'adopt':
      return 'it is on the chain already: adopt it';
    case 'wait':
      return decision.nonce === null
        ? `transaction ${decision.hash} is the product's, and may be one that the RPC counts and does not show: wait for it`
        : `transaction ${decision.hash} waits at nonce ${decision.nonce} and pays enough, or is mined: wait for it`;
    case 'replace':
      return `transaction ${decision.hash} waits: replace it at nonce ${decision.nonce}, offering up to ${formatGwei(decision.fees.max)} gwei`;
    case 'send':
      return `send it from ${from} with ${formatEther(value)} ETH at nonce ${decision.nonce}, offering up to ${formatGwei(decision.fees.max)} gwei`;
  }
}
