import { type Address, encodeFunctionData } from 'viem';
import { argumentsOf } from '../abi.ts';
import { saltOf } from '../chain/address.ts';
import type { Reader } from '../chain/client.ts';
import { readEscrow } from '../chain/escrow-state.ts';
import { type EventSeen, findLog } from '../chain/logs.ts';
import { shown } from '../jobs/shown.ts';
import type { Deed } from '../send/deed.ts';
import type { Target } from '../target.ts';

/** Pays the rest back to the client, once and for good. */
export function rollbackDeed(target: Target, jobId: string, address: Address): Deed {
  const { escrow, abi, chain } = target;
  const values = { jobId, salt: saltOf(escrow.salt, jobId) } as Parameters<typeof argumentsOf>[2];
  const args = argumentsOf(abi.escrow, escrow.rollback, values);
  return {
    key: `${chain.chainId}:rollback:${address}`,
    what: `the rollback of job ${shown(jobId)}`,
    call: {
      to: address,
      data: encodeFunctionData({ abi: abi.escrow, functionName: escrow.rollback.function, args }),
      value: 0n,
    },
    async isDone(reader, blockNumber) {
      const block = blockNumber ?? (await reader.getBlockNumber());
      return (await readEscrow(target, reader, address, block)).rolledBack;
    },
    find: (reader) => findRollback(target, reader, address),
    // The product keeps no column for it; this checkout's journals and the mempool do.
    recall: async () => undefined,
    remember: async () => {},
  };
}

/** The contract's own event of it. */
export async function findRollback(target: Target, reader: Reader, address: Address): Promise<EventSeen | undefined> {
  const event = target.escrow.reads.rolledBackEvent;
  return event ? findLog(target, reader, { address, abi: target.abi.escrow, event }, () => true) : undefined;
}
