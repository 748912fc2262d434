import { type Address, formatGwei, type Hex } from 'viem';
import { refused } from '../chain/errors.ts';
import { bump, bumpWithin, capped, type Fees, isMineable } from '../chain/fees.ts';
import type { Recalled } from '../jobs/types.ts';
import type { Fate } from './fate.ts';

/**
 * A transaction for the deed that may still be mined, or is. `lost`: the product remembers it, no node shows it, and it may be
 * any of those that are counted.
 */
export interface Live {
  state: Exclude<Fate, 'spent'> | 'lost';
  hash: Hex;
  nonce?: number | undefined;
  from?: Address | undefined;
  fees?: Fees | undefined;
  raw?: Hex;
}

/** What is so on the chain and in the mempool, at the moment of deciding. */
export interface Situation {
  /** The contract is there, or has paid back: nothing is to be sent. */
  done: boolean;
  account: string;
  live: Live | undefined;
  /** Transactions of the account that are mined, and with those that wait. */
  nonce: { latest: number; pending: number };
  baseFee: bigint | null;
  /** What would be offered now. */
  suggested: Fees;
  /** The most that may be offered. */
  cap: bigint;
  /** The nonce after those that this run has given out: an RPC may not have seen them yet. */
  floor: number;
  /** The block that all of this was read at. */
  head: bigint;
  recalled: Recalled;
  /** All transactions for the deed that are known, whatever became of them. */
  knew: Hex[];
}

export type Decision =
  | { action: 'adopt' }
  | { action: 'wait'; hash: Hex; nonce: number | null; raw: Hex | null }
  | { action: 'replace'; hash: Hex; nonce: number; fees: Fees }
  | { action: 'send'; nonce: number; fees: Fees };

/**
 * Chain first, mempool second, sending last. A transaction of ours keeps its nonce until that nonce is mined, whether a
 * node shows it or not, so that one at most of all that are sent for a deed is mined and paid.
 */
export function decide(situation: Situation): Decision {
  const { done, live, suggested, cap, baseFee, nonce, floor } = situation;
  if (done) return { action: 'adopt' };
  if (live?.state === 'mined' || live?.state === 'lost') return wait(live);
  if (live && live.nonce !== undefined && live.fees) return again(situation, live, live.nonce, live.fees);
  const fees = capped(suggested, cap, baseFee);
  if (!fees) throw tooDear(suggested.max, cap, baseFee);
  return { action: 'send', nonce: Math.max(nonce.pending, floor), fees };
}

const wait = ({ hash, nonce, raw }: Live): Decision => ({
  action: 'wait',
  hash,
  nonce: nonce ?? null,
  raw: raw ?? null,
});

/** At the nonce that it has, and enough to take the place of what may lie in a mempool. */
function again({ account, suggested, cap, baseFee }: Situation, live: Live, nonce: number, offered: Fees): Decision {
  if (live.from?.toLowerCase() !== account.toLowerCase()) {
    if (live.state === 'hidden' && isMineable(offered, baseFee)) return wait(live);
    throw refused(
      'OTHER_SENDER',
      `Transaction ${live.hash} waits in the mempool, and is from ${live.from ?? 'somebody'}, not from ${account}: only its sender can replace it.`,
      'Wait for it, or run this with the key that sent it (escrow.key in drydock.config.ts).',
    );
  }
  const fees = bumpWithin(offered, suggested, cap, baseFee);
  if (fees)
    return live.state === 'waits'
      ? { action: 'replace', hash: live.hash, nonce, fees }
      : { action: 'send', nonce, fees };
  if (isMineable(offered, baseFee)) return wait(live);
  const dearest = live.state === 'hidden' ? capped(suggested, cap, baseFee) : undefined;
  if (dearest) return { action: 'send', nonce, fees: dearest };
  throw tooDear(bump(offered, suggested).max, cap, baseFee);
}

function tooDear(needed: bigint, cap: bigint, baseFee: bigint | null) {
  return refused(
    'FEE_CAP',
    `It takes ${formatGwei(needed)} gwei per gas${baseFee === null ? '' : ` (the base fee is ${formatGwei(baseFee)})`}, and ${formatGwei(cap)} is the most that may be offered.`,
    `Wait until fees have fallen, or allow more: --max-fee ${Math.ceil(Number(formatGwei(needed)))}`,
  );
}
