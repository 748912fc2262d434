import { command, hint, readEventsNamed, shownName, usageError, withPostgres } from '@drydock/kit';
import type { Address } from 'viem';
import { refused } from '../chain/errors.ts';
import { type EscrowState, readEscrow } from '../chain/escrow-state.ts';
import { pin } from '../chain/head.ts';
import { type Payments, readPayments } from '../chain/payments.ts';
import { requireRole } from '../chain/roles.ts';
import { rollbackDeed } from '../deeds/rollback.ts';
import { readJobAmounts } from '../jobs/order.ts';
import { readJob } from '../jobs/read.ts';
import type { JobRow } from '../jobs/types.ts';
import { simulate } from '../send/sign.ts';
import type { Session } from '../session.ts';
import { EVENT } from './event.ts';

/** Journalled with the run. Amounts are wei as decimal text. */
export type RollbackPlan = {
  job: string;
  address: string;
  /** What goes back to the client, and what is paid out and stays so: null where neither contract nor job tell it. */
  returned: string;
  released: string | null;
  /** The chain has it already: the database, or the event, may be missing. */
  onChain: boolean;
  /** Chain, flags and event are as they should be. */
  settled: boolean;
  lines: string[];
};

/** Both states identified, and what cannot be refused. Nothing here needs a key. */
export async function planRollback(
  session: Session,
  typed: string,
  accept: { released: boolean },
): Promise<RollbackPlan> {
  const { target, reader, locate } = session;
  const row = await readJob(target, typed);
  const job = row.id;
  const address = await locate.one(job);
  const { number } = await pin(target, reader);
  const escrow = await readEscrow(target, reader, address, number);
  refuseWithoutEscrow(row, address, escrow);
  const payments = await readPayments(target, reader, {
    address,
    escrow,
    amounts: await readJobAmounts(target, row.id),
    block: number,
  });
  if (!escrow.rolledBack) refuseReleased(row, escrow, payments, accept.released);
  const told = escrow.rolledBack && (await isTold(session, job));
  const flags = row.pending || row.deployed;
  return {
    job,
    address,
    returned: String(escrow.rolledBack ? 0n : escrow.unreleased),
    released: payments.released === undefined ? null : String(payments.released),
    onChain: escrow.rolledBack,
    settled: escrow.rolledBack && told && !flags,
    lines: [
      escrow.rolledBack
        ? `job ${shownName(job)}: the escrow at ${address} is rolled back on chain already`
        : `job ${shownName(job)}: return ${escrow.unreleased} wei from ${address} to the client, once and for good`,
      ...(payments.released === undefined
        ? [
            `what was paid out before cannot be told: the contract does not say it, and the job's amounts do not explain it`,
          ]
        : []),
      ...(flags ? ['set escrowDeployed=false, escrowPending=false'] : []),
      ...(told ? [] : [`write the event ${EVENT}`]),
    ],
  };
}

function refuseWithoutEscrow(row: JobRow, address: string, { exists, foreign }: EscrowState): void {
  const job = shownName(row.id);
  if (!exists)
    throw refused(
      'NOTHING_TO_ROLL_BACK',
      `Job ${job} has no escrow: there is no contract at ${address}, so nothing can be returned.`,
      row.pending
        ? hint`It is still pending. Make it first (${command('escrow:retry', { job })}), or let the product cancel the job.`
        : hint`${command('escrow:reconcile')} shows where the database differs.`,
    );
  if (foreign)
    throw refused(
      'NOT_AN_ESCROW',
      `What stands at ${address} for job ${job} does not answer like an escrow.`,
      'Do escrow.abi and escrow.reads in drydock.config.ts belong to this factory?',
    );
}

function refuseReleased(row: JobRow, { unreleased }: EscrowState, payments: Payments, accepted: boolean): void {
  const { released = 0n, milestones = [] } = payments;
  const paid = milestones.filter((one) => one.released);
  if (paid.length === 0 && released === 0n && unreleased > 0n) return;
  const which = paid.map(({ index, amount }) => `milestone ${index}: ${amount} wei`).join(', ');
  if (unreleased === 0n)
    throw refused(
      'ALL_RELEASED',
      `Everything of job ${shownName(row.id)} is paid out (${which || 'the escrow is empty'}); 0 wei would go back.`,
      'What is released cannot be fetched back by anybody.',
    );
  if (accepted) return;
  throw refused(
    'PARTLY_RELEASED',
    `${released} wei of job ${shownName(row.id)} are released already and cannot come back (${which || 'the escrow does not say for what'}); ${unreleased} wei of ${released + unreleased} would go back to the client.`,
    'If returning the rest is what you want: --accept-released',
  );
}

async function isTold({ target }: Session, job: string): Promise<boolean> {
  return withPostgres(target.databaseUrl, 'drydock escrow', async (client) => {
    const events = await readEventsNamed(client, EVENT, 100_000);
    return events.some(({ metadata }) => metadata.job === job);
  });
}

/** Whoever signs must be an admin; the contract is asked by simulation besides. */
export async function simulateRollback(session: Session, plan: RollbackPlan, account: Address): Promise<void> {
  await requireRole(session.target, session.reader, 'rollback', account);
  const deed = rollbackDeed(session.target, plan.job, plan.address as Address);
  await simulate({ ...session, account: { address: account } }, deed);
}

export function requireReason(reason: string | undefined): void {
  if (reason) return;
  throw usageError(
    'REASON_MISSING',
    'A rollback wants its reason: --reason "why".',
    command('escrow:rollback', { help: true }),
  );
}
