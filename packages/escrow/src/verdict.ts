import type { EscrowState } from './chain/escrow-state.ts';
import type { JobRow } from './jobs/types.ts';

export const VERDICTS = ['stuck', 'drifted', 'orphaned', 'pending', 'ok', 'rolled-back'] as const;
export type Verdict = (typeof VERDICTS)[number];

export type ChainState = 'no code' | 'deployed' | 'funded' | 'released' | 'rolled back' | 'not an escrow';

/** What the chain's truth makes of the row; only what differs. */
export interface Truth {
  pending?: boolean;
  deployed?: boolean;
  address?: string;
  /** The milestones' payments differ: they are read one by one when it is written. */
  payments?: true;
}

export interface Judgement {
  verdict: Verdict;
  state: ChainState;
  /** Nothing is owed and nothing is awaited: left out of lists. */
  settled: boolean;
  /** In a person's words, where the two sides differ. */
  why?: string;
  truth?: Truth;
}

/** Compares the two sides of one job. `address` is where the escrow must be by CREATE2. */
export function judge(
  row: JobRow,
  address: string,
  escrow: EscrowState,
  { now, stuckAfterMs }: { now: number; stuckAfterMs: number },
): Judgement {
  const state = stateOf(row, escrow);
  if (escrow.foreign) return drifted(state, `what stands at ${address} does not answer like an escrow`);
  if (!escrow.exists) return withoutCode(row, state, address, now, stuckAfterMs);
  if (escrow.rolledBack) {
    if (row.pending || row.deployed)
      return drifted(state, 'rolled back on chain, and the flags do not say so', falseFlags(row));
    return { verdict: 'rolled-back', state, settled: true };
  }
  if (!row.deployed) return unknown(row, address, escrow, state);
  return deployedOnBoth(row, address, escrow, state);
}

function withoutCode(row: JobRow, state: ChainState, address: string, now: number, stuckAfterMs: number): Judgement {
  if (row.deployed)
    return drifted(state, `the database says deployed, and there is no contract at ${address}`, { deployed: false });
  if (!row.pending) return { verdict: 'ok', state, settled: true };
  const late = row.sinceMs === null || now - row.sinceMs > stuckAfterMs;
  return { verdict: late ? 'stuck' : 'pending', state, settled: false };
}

/** The database does not know it. It may be told only if the escrow holds what the job says, less what was paid out meanwhile. */
function unknown(row: JobRow, address: string, { unreleased }: EscrowState, state: ChainState): Judgement {
  const orphan = { verdict: 'orphaned', state, settled: false } as const;
  const truth: Truth = { deployed: true, ...(row.pending ? { pending: false } : {}), ...addressTruth(row, address) };
  if (unreleased === (row.open ?? row.total))
    return { ...orphan, why: 'the escrow is there, and the database does not know', truth };
  const why = `the escrow is there, and holds ${unreleased} wei unreleased; the job says ${row.open ?? row.total} wei`;
  if (row.open === undefined || unreleased > row.total) return { ...orphan, why };
  return { ...orphan, why, truth: { ...truth, payments: true } };
}

function deployedOnBoth(row: JobRow, address: string, escrow: EscrowState, state: ChainState): Judgement {
  const truth: Truth = { ...(row.pending ? { pending: false } : {}), ...addressTruth(row, address) };
  const why = [
    ...(row.pending ? ['it is there, and still marked as pending'] : []),
    ...(truth.address ? [`its address is ${address}, not ${row.address ?? 'unknown'}`] : []),
  ];
  if (row.open !== undefined && row.open !== escrow.unreleased) {
    truth.payments = true;
    why.push(`${escrow.unreleased} wei are unreleased on chain, ${row.open} wei in the database`);
  }
  if (why.length > 0) return drifted(state, why.join('; '), truth);
  return { verdict: 'ok', state, settled: escrow.unreleased === 0n };
}

function addressTruth(row: JobRow, address: string): Truth {
  return row.address?.toLowerCase() === address.toLowerCase() ? {} : { address };
}

function falseFlags(row: JobRow): Truth {
  return { ...(row.pending ? { pending: false } : {}), ...(row.deployed ? { deployed: false } : {}) };
}

function drifted(state: ChainState, why: string, truth?: Truth): Judgement {
  return { verdict: 'drifted', state, settled: false, why, ...(truth ? { truth } : {}) };
}

function stateOf(row: JobRow, { exists, foreign, rolledBack, unreleased }: EscrowState): ChainState {
  if (!exists) return 'no code';
  if (foreign) return 'not an escrow';
  if (rolledBack) return 'rolled back';
  if (unreleased > 0n) return 'funded';
  // Empty, and by the database nothing was paid: it was never funded.
  return row.open !== undefined && row.open === row.total && row.total > 0n ? 'deployed' : 'released';
}
