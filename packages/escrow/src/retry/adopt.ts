import { setTimeout as sleep } from 'node:timers/promises';
import { command, hint, OpsError, shownName } from '@drydock/kit';
import { refused } from '../chain/errors.ts';
import { readJob } from '../jobs/read.ts';
import type { Session } from '../session.ts';
import { type Settled, settle } from '../settle.ts';

export interface Made {
  address: string;
  /** Null if nobody knows it: what the database has stays. */
  txHash: string | null;
}

/** Blocks and rows that change while they are compared are compared again as often. */
const LOOKS = 5;

/** The chain first, then the database. The run may have been dead since: whatever has happened to the escrow is asked anew. */
export async function adopt(session: Session, job: string, { address, txHash }: Made): Promise<void> {
  const hashes = new Map(txHash === null ? [] : [[address.toLowerCase(), txHash]]);
  for (let look = 1; ; look++) {
    const [settled] = await settle(session, [job], {
      states: ['deployed', 'funded', 'released'],
      hashes: async () => hashes,
    });
    if (settled?.end === 'written' || settled?.end === 'right') return;
    if (settled?.end === 'left') throw notAdopted(settled);
    if (look === LOOKS) throw moves(job);
    await sleep(session.target.chain.pollMs);
  }
}

function notAdopted({ job, state, why }: Settled): OpsError {
  const inspect = command('escrow:inspect', { job });
  if (state === 'rolled back')
    return refused(
      'ROLLED_BACK',
      `The escrow of job ${shownName(job)} was rolled back before the database was told of it: it is not marked as deployed.`,
      hint`There is nothing to go on with; ${inspect} shows both sides.`,
    );
  if (state === undefined)
    return new OpsError({
      code: 'JOB_GONE',
      message: `Job ${shownName(job)}: ${why}.`,
      hint: hint`Somebody deleted it meanwhile. ${command('escrow:reconcile')} shows escrows without a job.`,
    });
  return refused(
    'AMOUNT_MISMATCH',
    `The escrow of job ${shownName(job)} is not adopted: ${why}.`,
    hint`A person must decide: ${inspect}`,
  );
}

function moves(job: string): OpsError {
  return new OpsError({
    code: 'JOB_MOVES',
    message: `Job ${shownName(job)} was changed again and again while it was compared with the chain: nothing was written.`,
    hint: 'Something else writes it too. Run it again, and it goes on from what is so then.',
  });
}

export async function verifyAdopted({ target }: Session, job: string, { address }: Made): Promise<void> {
  const row = await readJob(target, job);
  if (row.deployed && !row.pending && row.address?.toLowerCase() === address.toLowerCase()) return;
  throw new OpsError({
    code: 'FLAGS_DIFFER',
    message: `Job ${shownName(job)} was marked as deployed, and the database does not say so: something else writes it too.`,
    hint: command('escrow:inspect', { job }),
  });
}
