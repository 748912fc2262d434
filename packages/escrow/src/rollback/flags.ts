import { setTimeout as sleep } from 'node:timers/promises';
import { OpsError, shownName } from '@drydock/kit';
import type { Address } from 'viem';
import { readEscrow } from '../chain/escrow-state.ts';
import { readPayments } from '../chain/payments.ts';
import { readJobAmounts } from '../jobs/order.ts';
import type { Session } from '../session.ts';
import { settle } from '../settle.ts';
import { trust } from '../trust.ts';
import type { RollbackPlan } from './plan.ts';

const LOOKS = 5;

/** Runbook, section 7: `escrowDeployed=false`, `escrowPending=false`, and nothing else; once the chain says so. */
export async function clearFlags(session: Session, job: string): Promise<void> {
  for (let look = 1; ; look++) {
    const [settled] = await settle(session, [job], { states: ['rolled back'], hashes: async () => new Map() });
    if (settled?.end === 'written' || settled?.end === 'right') return;
    if (settled?.end === 'left' || look === LOOKS) throw notThere(job, settled?.why || 'it moves');
    await sleep(session.target.chain.pollMs);
  }
}

function notThere(job: string, why: string): OpsError {
  return new OpsError({
    code: 'NOT_CONFIRMED',
    message: `The flags of job ${shownName(job)} are not cleared: its escrow is not rolled back as deep as chain.confirmations wants (${why}).`,
    hint: 'Run it again, and it goes on from what the chain says then.',
  });
}

/** Wei that went back and that were paid out before, as decimal text; null where neither contract nor job tell. */
export async function amountsOf(
  { target, reader }: Session,
  { job, address, onChain, returned, released }: RollbackPlan,
  /** By the contract's event. */
  told: bigint | undefined,
): Promise<{ returned: string | null; released: string | null }> {
  const { head } = await trust(target, reader);
  const at = address as Address;
  const escrow = await readEscrow(target, reader, at, head.number);
  const amounts = await readJobAmounts(target, job);
  const payments = await readPayments(target, reader, { address: at, escrow, amounts, block: head.number });
  const back = told ?? (onChain ? undefined : BigInt(returned)) ?? minus(payments.total, payments.released);
  const paid = payments.released ?? minus(payments.total, back);
  return { returned: back === undefined ? null : String(back), released: paid === undefined ? released : String(paid) };
}

const minus = (total: bigint, part: bigint | undefined) =>
  part === undefined || part > total ? undefined : total - part;
