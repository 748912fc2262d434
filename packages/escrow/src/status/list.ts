import pMap from 'p-map';
import type { Reader } from '../chain/client.ts';
import { chainError } from '../chain/errors.ts';
import { hashIn, viewTransaction } from '../chain/transactions.ts';
import type { Session } from '../session.ts';
import { type Survey, type Surveyed, survey } from '../survey.ts';
import { compareTerms } from '../terms.ts';
import { VERDICTS } from '../verdict.ts';

const CONCURRENCY = 8;

/** With what became of the transaction that the database remembers; empty where it does not matter. */
export type Listed = Surveyed & { transaction: string };

/** Jobs that are not settled, the worst first, then the oldest. `awaited` leaves out those that are well and hold money. */
export async function listUnsettled(
  session: Session,
  { stuckAfterMs, awaited = false }: { stuckAfterMs?: number | undefined; awaited?: boolean },
): Promise<{ jobs: Listed[]; survey: Survey }> {
  const { target, reader, locate } = session;
  const found: Surveyed[] = [];
  const result = await survey(target, reader, locate, {
    marked: true,
    stuckAfterMs,
    wanted: ({ settled, verdict }) => !settled && !(awaited && verdict === 'ok'),
    onJob: (job) => found.push(job),
  });
  try {
    const jobs = await pMap(
      await compareTerms(session, found, result.block),
      async (job) => ({ ...job, transaction: await transactionOf(reader, job) }),
      {
        concurrency: CONCURRENCY,
      },
    );
    return { jobs: jobs.sort(worstFirst), survey: result };
  } catch (cause) {
    throw chainError(target, 'The transactions cannot be read', cause);
  }
}

/** Asked for where it matters: of a job that waits for it. */
async function transactionOf(reader: Reader, { row, state }: Surveyed): Promise<string> {
  if (!row.txHash || state !== 'no code') return '';
  const hash = hashIn(row.txHash);
  return hash === undefined ? 'no hash' : (await viewTransaction(reader, hash)).state;
}

function worstFirst(a: Surveyed, b: Surveyed): number {
  const order = VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict);
  return order || (a.row.sinceMs ?? 0) - (b.row.sinceMs ?? 0);
}
