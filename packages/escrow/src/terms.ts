import { command, hint, shownName, toOpsError } from '@drydock/kit';
import pMap from 'p-map';
import type { Client } from 'pg';
import type { Address } from 'viem';
import { refused } from './chain/errors.ts';
import { readTerms } from './chain/terms.ts';
import { orderOf } from './jobs/order.ts';
import { withJobs } from './jobs/read.ts';
import type { Order } from './jobs/types.ts';
import type { Session } from './session.ts';
import type { Surveyed } from './survey.ts';
import type { Target } from './target.ts';

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
    `The escrow of job ${shownName(order.jobId)} at ${address} is not the one that the job asks for: ${differ}.`,
    hint`A person must decide: ${command('escrow:inspect', { job: order.jobId })}`,
  );
}

/** Those that the database does not know are adopted only if they are what the job asks for: the others lose their truth. */
export async function compareTerms(session: Session, jobs: Surveyed[], block: bigint): Promise<Surveyed[]> {
  const wanted = jobs.filter(({ verdict, truth }) => verdict === 'orphaned' && truth);
  if (wanted.length === 0) return jobs;
  const orders = new Map<string, Order | string>();
  await withJobs(session.target, async (client) => {
    for (const { row } of wanted) orders.set(row.id, await orderOrWhy(client, session.target, row.id));
  });
  return pMap(
    jobs,
    async (job) => {
      const order = orders.get(job.row.id);
      const why = order && (await whyOther(session, order, job.address, block));
      if (why === undefined) return job;
      const { truth: _, ...rest } = job;
      return { ...rest, why: `the escrow is there, and is not the one that the job asks for: ${why}` };
    },
    { concurrency: CONCURRENCY },
  );
}

/** Why an escrow is not the job's; also where the job itself says too little to be compared. */
export async function whyNot(
  session: Session,
  client: Client,
  job: string,
  address: Address,
  block: bigint,
): Promise<string | undefined> {
  return whyOther(session, await orderOrWhy(client, session.target, job), address, block);
}

async function whyOther(session: Reading, order: Order | string, address: Address, block: bigint) {
  return typeof order === 'string' ? order : otherTerms(session, order, address, block);
}

async function orderOrWhy(client: Client, target: Target, job: string): Promise<Order | string> {
  try {
    return await orderOf(client, target.escrow.database, job);
  } catch (thrown) {
    const error = toOpsError(thrown);
    if (error.code !== 'JOB_INCOMPLETE') throw error;
    return error.message;
  }
}
