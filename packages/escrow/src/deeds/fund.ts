import { type Address, formatEther } from 'viem';
import { type Deed, NOTHING } from '../send/deed.ts';
import type { Target } from '../target.ts';

/** So much ether that an account can pay for its transactions, once: one that has sent something has had it. */
export function fundDeed(target: Target, account: Address, wei: bigint): Deed {
  return {
    key: `${target.chain.chainId}:fund:${account}`,
    what: `${formatEther(wei)} ether for ${account}`,
    call: { to: account, data: '0x', value: wei },
    async isDone(reader, blockNumber) {
      const [balance, sent] = await Promise.all([
        reader.getBalance({ address: account, blockNumber }),
        reader.getTransactionCount({ address: account, blockNumber }),
      ]);
      return balance >= wei || sent > 0;
    },
    requireWanted: async () => {},
    // Ether that comes leaves no event.
    find: async () => undefined,
    recall: async () => NOTHING,
    remember: async () => true,
  };
}
