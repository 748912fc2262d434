import type { Address } from 'viem';
import { readLogs } from '../chain/logs.ts';
import type { Session } from '../session.ts';
import { settle } from '../settle.ts';

/** Left for a person. */
export type Left = { job: string; why: string; code?: string };

/** What became of each job of a batch. */
export type Fixed = {
  written: string[];
  /** Right already, or moving: it was changed while it was looked at. */
  skipped: string[];
  /** Amounts differ, or it is no escrow: a person must decide. `code` where it is another reason than that. */
  left: Left[];
};

/** What is not the same at the newest block and at the depth of `chain.confirmations` is left for the next run. */
export async function fixJobs(session: Session, ids: string[]): Promise<Fixed> {
  const settled = await settle(session, ids, { hashes: (addresses, deep) => creations(session, addresses, deep) });
  const fixed: Fixed = { written: [], skipped: [], left: [] };
  for (const { job, end, why, code } of settled)
    if (end === 'left') fixed.left.push({ job, why, ...(code ? { code } : {}) });
    else (end === 'written' ? fixed.written : fixed.skipped).push(job);
  return fixed;
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
