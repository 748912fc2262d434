import { formatGwei } from 'viem';
import { refused } from '../chain/errors.ts';
import type { TransactionView } from '../chain/transactions.ts';
import { bump, capped, type Fees, isMineable } from './fees.ts';

/** What is so on the chain and in the mempool, at the moment of deciding. */
export interface Situation {
  /** The contract is there, or has paid back: nothing is to be sent. */
  done: boolean;
  account: string;
  /** The newest transaction known for this deed. */
  sent: TransactionView | undefined;
  /** Transactions of the account that are mined, and with those that wait. */
  nonce: { latest: number; pending: number };
  baseFee: bigint | null;
  /** What would be offered now. */
  suggested: Fees;
  /** The most that may be offered. */
  cap: bigint;
  /** The nonce after those that this run has given out: an RPC may not have seen them yet. */
  floor: number;
}

export type Decision =
  | { action: 'adopt' }
  | { action: 'wait'; hash: `0x${string}`; nonce: number }
  | { action: 'replace'; hash: `0x${string}`; nonce: number; fees: Fees }
  | { action: 'send'; nonce: number; fees: Fees };

/**
 * Chain first, mempool second, sending last. A transaction that still waits is replaced at its own nonce, so that one
 * of the two at most is mined; one that was dropped keeps its nonce while that is free, for the same reason.
 */
export function decide(situation: Situation): Decision {
  const { done, sent } = situation;
  if (done) return { action: 'adopt' };
  if (sent?.state === 'pending' && sent.nonce !== undefined && sent.fees)
    return replace(situation, { ...sent, nonce: sent.nonce, fees: sent.fees });
  return send(situation);
}

function replace(
  { account, suggested, cap, baseFee }: Situation,
  sent: { hash: `0x${string}`; from: string | undefined; nonce: number; fees: Fees },
): Decision {
  if (sent.from?.toLowerCase() !== account.toLowerCase())
    throw refused(
      'OTHER_SENDER',
      `Transaction ${sent.hash} waits in the mempool, and is from ${sent.from ?? 'somebody'}, not from ${account}: only its sender can replace it.`,
      'Wait for it, or run this with the key that sent it (escrow.key in drydock.config.ts).',
    );
  const fees = bump(sent.fees, suggested);
  if (fees.max <= cap) return { action: 'replace', hash: sent.hash, nonce: sent.nonce, fees };
  if (isMineable(sent.fees, baseFee)) return { action: 'wait', hash: sent.hash, nonce: sent.nonce };
  throw tooDear(fees.max, cap, baseFee);
}

function send({ sent, account, nonce, suggested, cap, baseFee, floor }: Situation): Decision {
  const mine = sent?.from?.toLowerCase() === account.toLowerCase();
  if (
    sent?.state === 'dropped' &&
    mine &&
    sent.nonce !== undefined &&
    sent.nonce >= Math.max(nonce.latest, nonce.pending)
  ) {
    // A copy may lie in a mempool that we do not see: the same nonce, and enough to take its place.
    const fees = capped(sent.fees ? bump(sent.fees, suggested) : suggested, cap, baseFee);
    if (fees) return { action: 'send', nonce: sent.nonce, fees };
    throw tooDear(suggested.max, cap, baseFee);
  }
  const fees = capped(suggested, cap, baseFee);
  if (!fees) throw tooDear(suggested.max, cap, baseFee);
  return { action: 'send', nonce: Math.max(nonce.pending, floor), fees };
}

function tooDear(needed: bigint, cap: bigint, baseFee: bigint | null) {
  return refused(
    'FEE_CAP',
    `It takes ${formatGwei(needed)} gwei per gas${baseFee === null ? '' : ` (the base fee is ${formatGwei(baseFee)})`}, and ${formatGwei(cap)} is the most that may be offered.`,
    `Wait until fees have fallen, or allow more: --max-fee ${Math.ceil(Number(formatGwei(needed)))}`,
  );
}
