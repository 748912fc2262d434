import { command, hint, shownName } from '@drydock/kit';
import { type Address, encodeFunctionData } from 'viem';
import { argumentsOf } from '../abi.ts';
import { saltOf } from '../chain/address.ts';
import type { Reader } from '../chain/client.ts';
import { refused } from '../chain/errors.ts';
import { readEscrow } from '../chain/escrow-state.ts';
import { type EventSeen, findLog } from '../chain/logs.ts';
import { type Deed, NOTHING } from '../send/deed.ts';
import type { Target } from '../target.ts';

/** Pays the rest back to the client, once and for good. `unreleased`: what it was when that was agreed to, in wei. */
export function rollbackDeed(target: Target, jobId: string, address: Address, unreleased?: bigint): Deed {
  const { escrow, abi, chain } = target;
  const values = { jobId, salt: saltOf(escrow.salt, jobId) } as Parameters<typeof argumentsOf>[2];
  const args = argumentsOf(abi.escrow, escrow.rollback, values);
  return {
    key: `${chain.chainId}:rollback:${address}`,
    what: `the rollback of job ${shownName(jobId)}`,
    call: {
      to: address,
      data: encodeFunctionData({ abi: abi.escrow, functionName: escrow.rollback.function, args }),
      value: 0n,
    },
    isDone: async (reader, blockNumber) => (await readEscrow(target, reader, address, blockNumber)).rolledBack,
    async requireWanted(reader, blockNumber) {
      const now = await readEscrow(target, reader, address, blockNumber);
      if (unreleased === undefined || now.unreleased === unreleased) return;
      throw refused(
        'RELEASED_MEANWHILE',
        `The escrow of job ${shownName(jobId)} holds ${now.unreleased} wei, and held ${unreleased} when this run was planned: a milestone was released meanwhile.`,
        hint`Begin anew, without --resume; it shows what would go back now: ${command('escrow:rollback', { job: jobId, reason: '…', plan: true })}`,
      );
    },
    find: (reader) => findRollback(target, reader, address),
    // The product keeps no column for it; the environment's database and the mempool do.
    recall: async () => NOTHING,
    remember: async () => true,
  };
}

/** The contract's own event of it. */
export async function findRollback(target: Target, reader: Reader, address: Address): Promise<EventSeen | undefined> {
  const event = target.escrow.reads.rolledBackEvent;
  return event ? findLog(target, reader, { address, abi: target.abi.escrow, event }, () => true) : undefined;
}
