import { type Address, formatEther, isAddressEqual } from 'viem';
import type { Reader } from '../chain/client.ts';
import { type Deed, NOTHING } from '../send/deed.ts';
import type { Target } from '../target.ts';

/** Of a transfer of ether, with what `sign` allows beyond it. */
const GAS = 25_200n;

/** Moves the ether of an account to another, but for what the transfer itself may cost. Undefined where there is no more than that. */
export async function sweepDeed(target: Target, reader: Reader, from: Address, to: Address): Promise<Deed | undefined> {
  if (isAddressEqual(from, to)) return undefined;
  const [balance, price] = await Promise.all([reader.getBalance({ address: from }), reader.getGasPrice()]);
  // Fees may rise until it is sent, and a replacement offers more.
  const reserve = GAS * price * 4n;
  if (balance <= reserve) return undefined;
  const value = balance - reserve;
  return {
    key: `${target.chain.chainId}:sweep:${from}`,
    what: `${formatEther(value)} ether of ${from} for ${to}`,
    call: { to, data: '0x', value },
    isDone: async (_, blockNumber) => (await reader.getBalance({ address: from, blockNumber })) <= reserve,
    requireWanted: async () => {},
    find: async () => undefined,
    recall: async () => NOTHING,
    remember: async () => true,
  };
}
