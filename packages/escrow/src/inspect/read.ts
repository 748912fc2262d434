import { shownName } from '@drydock/kit';
import type { Address } from 'viem';
import { chainError } from '../chain/errors.ts';
import { type EscrowState, readEscrow } from '../chain/escrow-state.ts';
import { type EventSeen, firstBlock } from '../chain/logs.ts';
import { roleHash } from '../chain/roles.ts';
import { readJob } from '../jobs/read.ts';
import { jobIncomplete } from '../jobs/row.ts';
import type { JobRow } from '../jobs/types.ts';
import type { Session } from '../session.ts';
import { compareTerms } from '../terms.ts';
import { type Judgement, judge } from '../verdict.ts';
import { readHistory, roleHolders } from './events.ts';
import { type Inspected, inspectTransactions } from './transactions.ts';

export interface Inspection {
  row: JobRow;
  address: Address;
  block: bigint;
  escrow: EscrowState;
  judgement: Judgement;
  balance: bigint;
  baseFee: bigint | null;
  /** From this block on. */
  historyFrom: bigint;
  history: EventSeen[];
  transactions: Inspected[];
  /** Accounts with the role that a rollback wants; empty where the factory does not tell. */
  admins: { address: Address; balance: bigint }[];
}

/** Everything about one job, both sides, at one block. */
export async function inspect(session: Session, typed: string): Promise<Inspection> {
  const { target, reader, locate } = session;
  const row = await readJob(target, typed);
  const job = row.id;
  if (row.problem !== undefined) throw jobIncomplete(row, row.problem);
  const address = await locate.one(job);
  try {
    const { number: block, baseFeePerGas: baseFee } = await reader.getBlock();
    const escrow = await readEscrow(target, reader, address, block);
    const history = await readHistory(session, address, block);
    const role = await roleHash(target, reader, target.escrow.roles.rollback);
    const holders = role ? await roleHolders(session, role, block) : [];
    const [balance, transactions, admins] = await Promise.all([
      reader.getBalance({ address, blockNumber: block }),
      inspectTransactions(session, {
        job,
        address,
        txHash: row.txHash,
        events: history.map(({ hash }) => hash),
        baseFee,
      }),
      Promise.all(
        holders.map(async (holder) => ({ address: holder, balance: await reader.getBalance({ address: holder }) })),
      ),
    ]);
    const quick = judge(row, address, escrow, { now: Date.now(), stuckAfterMs: target.escrow.stuckAfterMs });
    const [judgement] = await compareTerms(session, [{ row, address, unreleased: escrow.unreleased, ...quick }], block);
    const historyFrom = firstBlock(target, block);
    return {
      row,
      address,
      block,
      escrow,
      judgement: judgement ?? quick,
      balance,
      baseFee,
      historyFrom,
      history,
      transactions,
      admins,
    };
  } catch (cause) {
    throw chainError(target, `Job ${shownName(job)} cannot be inspected`, cause);
  }
}
