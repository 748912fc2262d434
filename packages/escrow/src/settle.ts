import type { Client } from 'pg';
import type { Address } from 'viem';
import { type EscrowState, readEscrows } from './chain/escrow-state.ts';
import { assertStill } from './chain/head.ts';
import { whyElsewhere } from './elsewhere.ts';
import { paymentRows, writePayments } from './jobs/payments.ts';
import { readJobsById, withJobs } from './jobs/read.ts';
import type { JobRow } from './jobs/types.ts';
import { writeTruth } from './jobs/write.ts';
import type { Session } from './session.ts';
import { whyNot } from './terms.ts';
import { trust } from './trust.ts';
import { type ChainState, type Judgement, judge, type Truth } from './verdict.ts';

/** What came of a job: `moves`: not the same at the newest block and below it, or the row was changed while it was looked at. */
export interface Settled {
  job: string;
  state: ChainState | undefined;
  end: 'written' | 'right' | 'moves' | 'left';
  /** Why it is left to a person, and the code of that where it has one. */
  why: string;
  code?: string;
}

export interface Wanted {
  /** What the chain must say; anything else is left. Left out: whatever it says. */
  states?: ChainState[];
  /** The transactions that made the escrows, by address in lower case. */
  hashes(addresses: Address[], deep: bigint): Promise<Map<string, string>>;
}

/**
 * Writes the chain's truth into the rows of jobs, never the other way, and is the only way of it there. The guards of a write
 * to the chain come first; then both sides are read anew, the chain at the newest block and at the newest that is believed;
 * then each row is written if it is still the one that was read.
 */
export async function settle(session: Session, ids: string[], wanted: Wanted): Promise<Settled[]> {
  const { target, reader, locate } = session;
  const { head, deep: believed } = await trust(target, reader);
  const deep = believed > 0n ? believed : 0n;
  return withJobs(target, async (client) => {
    const rows = await readJobsById(client, target.escrow.database, ids);
    const addresses = await Promise.all(rows.map(({ id }) => locate.one(id)));
    const [now, then] = await Promise.all([
      readEscrows(target, reader, addresses, head.number),
      readEscrows(target, reader, addresses, deep),
    ]);
    const judged = rows.map((row, i) =>
      judgeBoth(target.escrow.stuckAfterMs, row, addresses[i] as Address, now[i], then[i]),
    );
    const made = judged.flatMap((one, i) => (one && isThere(one) ? [addresses[i] as Address] : []));
    const hashes = await wanted.hashes(made, deep);
    await assertStill(target, reader, head);
    const found = new Set(rows.map(({ id }) => id));
    const settled: Settled[] = ids
      .filter((id) => !found.has(id))
      .map((job) => ({ job, state: undefined, end: 'left', why: GONE }));
    for (const [i, row] of rows.entries()) {
      const [address, judgement, escrow] = [addresses[i] as Address, judged[i], then[i] as EscrowState];
      const hash = hashes.get(address.toLowerCase()) ?? null;
      const end = await settleOne(session, client, { row, address, judgement, escrow, deep, hash }, wanted.states);
      settled.push({ job: row.id, state: judgement?.state, why: '', ...end });
    }
    return settled;
  });
}

const GONE = 'it is not in the database any more';

interface One {
  row: JobRow;
  address: Address;
  /** Undefined: it moves. */
  judgement: Judgement | undefined;
  escrow: EscrowState;
  deep: bigint;
  hash: string | null;
}
type End = Pick<Settled, 'end' | 'code'> & { why?: string };

async function settleOne(session: Session, client: Client, one: One, states: ChainState[] | undefined): Promise<End> {
  const { row, address, judgement, deep, hash } = one;
  if (!judgement) return { end: 'moves' };
  if (states && !states.includes(judgement.state))
    return { end: 'left', why: `the chain has it as ${judgement.state}` };
  // That it is over needs none of the amounts.
  if (row.problem !== undefined && judgement.state !== 'rolled back')
    return { end: 'left', why: row.problem, code: 'JOB_INCOMPLETE' };
  const truth = truthOf(judgement, row, hash);
  if (truth === 'unknown') return { end: 'left', why: judgement.why ?? judgement.state };
  if (truth === undefined) return { end: 'right' };
  if (judgement.state === 'no code') {
    const why = await whyElsewhere(session, row, address);
    if (why !== undefined) return { end: 'left', why };
  }
  if (judgement.verdict === 'orphaned') {
    const why = await whyNot(session, client, row.id, address, deep);
    if (why !== undefined) return { end: 'left', why };
  }
  const payments = truth.payments ? await paymentRows(session, client, one) : [];
  if (!payments) return { end: 'left', why: judgement.why ?? 'amounts differ' };
  const tables = session.target.escrow.database;
  const written = await writeTruth(client, tables, row, { ...truth, hash: truth.hash }, () =>
    writePayments(client, session.target, row.id, payments),
  );
  return { end: written ? 'written' : 'moves' };
}

/** What is to be written; undefined where nothing is, `unknown` where a person must decide. */
function truthOf(
  { verdict, truth, state }: Judgement,
  row: JobRow,
  hash: string | null,
): (Truth & { hash: string | null }) | 'unknown' | undefined {
  const other = hash !== null && hash !== row.txHash ? hash : null;
  const there = state === 'funded' || state === 'released' || state === 'deployed';
  if (verdict !== 'drifted' && verdict !== 'orphaned')
    return there && other ? { deployed: true, hash: other } : undefined;
  return truth ? { ...truth, hash: there ? other : null } : 'unknown';
}

const isThere = ({ state, verdict }: Judgement) =>
  verdict !== 'rolled-back' && (state === 'funded' || state === 'released' || state === 'deployed');

/** The same at both blocks, or nothing. */
function judgeBoth(
  stuckAfterMs: number,
  row: JobRow,
  address: Address,
  now: EscrowState | undefined,
  then: EscrowState | undefined,
): Judgement | undefined {
  if (!now || !then) return undefined;
  const clock = { now: Date.now(), stuckAfterMs };
  const [a, b] = [judge(row, address, now, clock), judge(row, address, then, clock)];
  return JSON.stringify([a.state, a.truth, String(now.unreleased)]) ===
    JSON.stringify([b.state, b.truth, String(then.unreleased)])
    ? b
    : undefined;
}
