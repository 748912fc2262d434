import { command, hint, shownName } from '@drydock/kit';
import { type Address, encodeFunctionData, isAddressEqual } from 'viem';
import { argumentsOf, isPayable } from '../abi.ts';
import { saltOf } from '../chain/address.ts';
import type { Reader } from '../chain/client.ts';
import { refused } from '../chain/errors.ts';
import { findLog } from '../chain/logs.ts';
import { readOrder, sameOrder } from '../jobs/order.ts';
import { readJob, withJobs } from '../jobs/read.ts';
import type { Order } from '../jobs/types.ts';
import { rememberTransaction } from '../jobs/write.ts';
import type { Deed } from '../send/deed.ts';
import type { Target } from '../target.ts';

/** Makes and funds the escrow of a job at the address that its salt gives. */
export function createDeed(target: Target, order: Order, address: Address): Deed {
  const { escrow, abi, factory } = target;
  const amounts = order.amounts.map(BigInt);
  const total = amounts.reduce((sum, amount) => sum + amount, 0n);
  const args = argumentsOf(abi.factory, escrow.create, {
    jobId: order.jobId,
    salt: saltOf(escrow.salt, order.jobId),
    client: order.client as Address,
    freelancer: order.freelancer as Address,
    amounts,
    total,
  });
  return {
    key: createKey(target, order.jobId),
    what: `the escrow of job ${shownName(order.jobId)}`,
    call: {
      to: factory,
      data: encodeFunctionData({ abi: abi.factory, functionName: escrow.create.function, args }),
      value: isPayable(abi.factory, escrow.create.function) ? total : 0n,
    },
    isDone: (reader, blockNumber) => hasCode(reader, address, blockNumber),
    find: (reader) => findCreation(target, reader, address),
    async requireWanted() {
      const { pending, deployed } = await readJob(target, order.jobId);
      if (!pending && !deployed) throw notAskedFor(order.jobId);
      if (!sameOrder(order, await readOrder(target, order.jobId))) throw changed(order.jobId);
    },
    async recall() {
      const { txHash, pending, deployed } = await readJob(target, order.jobId);
      return { hash: txHash, pending, deployed };
    },
    remember: (hash, recalled) =>
      withJobs(target, (client) => rememberTransaction(client, target.escrow.database, order.jobId, hash, recalled)),
  };
}

export function notAskedFor(jobId: string) {
  return refused(
    'NOT_ASKED_FOR',
    `Job ${shownName(jobId)} has not asked for an escrow: it is neither pending nor deployed.`,
    'The client asks for it in the product.',
  );
}

function changed(jobId: string) {
  return refused(
    'JOB_CHANGED',
    `Job ${shownName(jobId)} has other amounts or other wallets than when this run was planned: the escrow would be another one.`,
    hint`Begin anew, without --resume: ${command('escrow:retry', { job: jobId, plan: true })}`,
  );
}

/** Names the deed in journals, by what the database calls the job. */
export function createKey({ chain, factory }: Pick<Target, 'chain' | 'factory'>, jobId: string): string {
  return `${chain.chainId}:create:${factory}:${jobId}`;
}

/** The transaction that made the escrow, by the factory's event. */
export async function findCreation(target: Target, reader: Reader, address: Address) {
  const { event, escrow: parameter } = target.escrow.created;
  const wanted = { address: target.factory, abi: target.abi.factory, event };
  return findLog(target, reader, wanted, ({ args }) => isAddressEqual(args[parameter] as Address, address));
}

async function hasCode(reader: Reader, address: Address, blockNumber: bigint): Promise<boolean> {
  const code = await reader.getCode({ address, blockNumber });
  return code !== undefined && code !== '0x';
}
