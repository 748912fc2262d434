import type { Client } from 'pg';
import type { Address } from 'viem';
import { type EscrowState, readEscrows } from '../chain/escrow-state.ts';
import { pin } from '../chain/head.ts';
import { readLogs } from '../chain/logs.ts';
import { readJobsById, withJobs } from '../jobs/read.ts';
import type { JobRow } from '../jobs/types.ts';
import { writeTruth } from '../jobs/write.ts';
import type { Session } from '../session.ts';
import { type Judgement, judge } from '../verdict.ts';
import { readPayments, writePayments } from './payments.ts';

/** What became of each job of a batch. */
export type Fixed = {
  written: string[];
  /** Right already, or moving: it was changed while it was looked at. */
  skipped: string[];
  /** Amounts differ, or it is no escrow: a person must decide. */
  left: { job: string; why: string }[];
};

/**
 * Writes the chain's truth into the database, never the other way. Both sides are read again; what is not the same at
 * the newest block and at the depth of `chain.confirmations` is left for later, and so is a row that the product
 * changed meanwhile.
 */
export async function fixJobs(session: Session, ids: string[]): Promise<Fixed> {
  const { target, reader, locate } = session;
  const { number: head } = await pin(target, reader);
  const depth = BigInt(target.chain.confirmations) - 1n;
  const deep = head > depth ? head - depth : 0n;
  const fixed: Fixed = { written: [], skipped: [], left: [] };
  await withJobs(target, async (client) => {
    const rows = await readJobsById(client, target.escrow.database, ids);
    const addresses = await Promise.all(rows.map(({ id }) => locate.one(id)));
    const [now, then] = await Promise.all([
      readEscrows(target, reader, addresses, head),
      readEscrows(target, reader, addresses, deep),
    ]);
    const judged = rows.map((row, i) =>
      judgeBoth(target.escrow.stuckAfterMs, row, addresses[i] as Address, now[i], then[i]),
    );
    const hashes = await creations(
      session,
      judged.flatMap((one, i) => (one?.truth?.deployed ? [addresses[i] as Address] : [])),
      deep,
    );
    for (const [i, row] of rows.entries()) {
      const [address, judgement, escrow] = [addresses[i] as Address, judged[i], then[i] as EscrowState];
      await fixOne(
        session,
        client,
        { row, address, judgement, escrow, deep, hash: hashes.get(address.toLowerCase()) ?? null },
        fixed,
      );
    }
  });
  return fixed;
}

interface One {
  row: JobRow;
  address: Address;
  /** Undefined: it moves. */
  judgement: Judgement | undefined;
  escrow: EscrowState;
  deep: bigint;
  hash: string | null;
}

async function fixOne(
  session: Session,
  client: Client,
  { row, address, judgement, escrow, deep, hash }: One,
  fixed: Fixed,
): Promise<void> {
  const { target, reader } = session;
  if (!judgement || !['drifted', 'orphaned'].includes(judgement.verdict)) return void fixed.skipped.push(row.id);
  const { truth } = judgement;
  if (!truth) return void fixed.left.push({ job: row.id, why: judgement.why ?? judgement.state });
  const payments = truth.payments
    ? await readPayments(target, reader, client, { job: row.id, address, unreleased: escrow.unreleased, block: deep })
    : undefined;
  if (truth.payments && !payments) return void fixed.left.push({ job: row.id, why: judgement.why ?? 'amounts differ' });
  const written = await writeTruth(client, target.escrow.database, row, { ...truth, hash }, async () => {
    if (payments) await writePayments(client, target, row.id, payments);
  });
  (written ? fixed.written : fixed.skipped).push(row.id);
}

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

/** The transactions that made these escrows, by address in lower case. */
async function creations(
  { target, reader }: Session,
  addresses: Address[],
  block: bigint,
): Promise<Map<string, string>> {
  const wanted = new Set(addresses.map((address) => address.toLowerCase()));
  const found = new Map<string, string>();
  if (wanted.size === 0) return found;
  const { event, escrow } = target.escrow.created;
  for await (const seen of readLogs(target, reader, { address: target.factory, abi: target.abi.factory, event }, block))
    for (const { args, hash } of seen) {
      const address = String(args[escrow]).toLowerCase();
      if (wanted.has(address)) found.set(address, hash);
    }
  return found;
}
