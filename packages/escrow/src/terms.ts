import { toOpsError } from '@drydock/kit';
import pMap from 'p-map';
import type { Address } from 'viem';
import { refused } from './chain/errors.ts';
import { readTerms } from './chain/terms.ts';
import { readOrder } from './jobs/read.ts';
import { shown } from './jobs/shown.ts';
import type { Order } from './jobs/types.ts';
import type { Session } from './session.ts';
import type { Surveyed } from './survey.ts';

type Reading = Pick<Session, 'target' | 'reader'>;
const CONCURRENCY = 8;

/** How an escrow differs from what its job asks for: whose money, for whom, how much. What it does not tell is not compared. */
export async function otherTerms(
  { target, reader }: Reading,
  order: Order,
  address: Address,
  block: bigint,
): Promise<string | undefined> {
  const { client, freelancer, amounts } = await readTerms(target, reader, address, block);
  const differ = [
    ...(client !== null && client !== order.client ? [`its client is ${client}, the job's ${order.client}`] : []),
    ...(freelancer !== null && freelancer !== order.freelancer
      ? [`its freelancer is ${freelancer}, the job's ${order.freelancer}`]
      : []),
    ...(amounts !== null && amounts.join() !== order.amounts.join()
      ? [`it was made with ${amounts.join(' + ') || 0} wei, the job says ${order.amounts.join(' + ')}`]
      : []),
  ];
  return differ.length === 0 ? undefined : differ.join('; ');
}

/** An escrow that is there is a job's own only if it is the one that the job asks for. */
export async function requireTerms(session: Reading, order: Order, address: Address, block: bigint): Promise<void> {
  const differ = await otherTerms(session, order, address, block);
  if (differ === undefined) return;
  throw refused(
    'AMOUNT_MISMATCH',
    `The escrow of job ${shown(order.jobId)} at ${address} is not the one that the job asks for: ${differ}.`,
    `A person must decide: npm run escrow:inspect -- --job ${shown(order.jobId)}`,
  );
}

/** Those that the database does not know are adopted only if they are what the job asks for: the others lose their truth. */
export async function compareTerms(session: Session, jobs: Surveyed[], block: bigint): Promise<Surveyed[]> {
  return pMap(
    jobs,
    async (job) => {
      if (job.verdict !== 'orphaned' || !job.truth) return job;
      const why = await whyNot(session, job.row.id, job.address, block);
      if (why === undefined) return job;
      const { truth: _, ...rest } = job;
      return { ...rest, why: `the escrow is there, and is not the one that the job asks for: ${why}` };
    },
    { concurrency: CONCURRENCY },
  );
}

/** Also where the job itself says too little to be compared. */
export async function whyNot(
  session: Session,
  job: string,
  address: Address,
  block: bigint,
): Promise<string | undefined> {
  let order: Order;
  try {
    order = await readOrder(session.target, job);
  } catch (thrown) {
    const error = toOpsError(thrown);
    if (error.code !== 'JOB_INCOMPLETE') throw error;
    return error.message;
  }
  return otherTerms(session, order, address, block);
}
