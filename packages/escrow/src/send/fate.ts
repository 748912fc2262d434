import { type Address, type Hex, isAddressEqual } from 'viem';
import type { Reader } from '../chain/client.ts';
import { findReceipt, findTransaction } from '../chain/transactions.ts';

/** Transactions of one account at one nonce: one of them at most is ever mined. */
export interface Rivals {
  from: Address;
  nonce: number;
  hashes: Hex[];
  /** The newest block when the first of them was signed. */
  since: bigint | undefined;
  /** One that went through may have been undone since. */
  undoable?: true | undefined;
}

/**
 * `waits`: a node shows one. `hidden`: none does, and the nonce is not mined, so that one may still be. `mined`: one is, or
 * may be: what the chain says of the deed must follow. `spent`: one is and reverted, or a stranger's took the nonce.
 */
export type Fate = 'waits' | 'hidden' | 'mined' | 'spent';

/** What each block says is asked for at that block: a count of one node says nothing about the state that another one has. */
export async function fateOf(
  reader: Reader,
  { from, nonce, hashes, since, undoable }: Rivals,
  { head, deep }: { head: bigint; deep: bigint },
): Promise<Fate> {
  const receipts = (await Promise.all(hashes.map((hash) => findReceipt(reader, hash)))).filter(
    (one) => one !== undefined,
  );
  const through = receipts.find(({ status }) => status === 'success');
  if (through) return undoable && through.blockNumber <= deep ? 'spent' : 'mined';
  const [reverted] = receipts;
  if (reverted) return reverted.blockNumber <= deep ? 'spent' : 'mined';
  const shown = await Promise.all(hashes.map((hash) => findTransaction(reader, hash)));
  if (shown.some((one) => one && one.blockNumber !== null)) return 'mined';
  if ((await countAt(reader, from, head)) <= nonce) return shown.some(Boolean) ? 'waits' : 'hidden';
  if (deep < 0n || (await countAt(reader, from, deep)) <= nonce) return 'mined';
  // Counted, and not seen: it may be ours, by a node that has its receipt not yet. Believed once the other one is seen.
  if (since === undefined) return 'spent';
  const taker = await takerOf(reader, { from, nonce }, since, deep).catch((cause) => {
    if (deep - since > KEPT) return STRANGER;
    throw cause;
  });
  return taker === STRANGER || (taker !== undefined && !hashes.includes(taker)) ? 'spent' : 'mined';
}

/** Nodes that prune keep the state of as many blocks; a node that is so far behind is refused by its age. */
const KEPT = 128n;
const STRANGER = 'somebody' as const;

const countAt = (reader: Reader, address: Address, blockNumber: bigint) =>
  reader.getTransactionCount({ address, blockNumber });

/** The transaction that has the nonce, in the block that first counts it. */
async function takerOf(
  reader: Reader,
  { from, nonce }: { from: Address; nonce: number },
  since: bigint,
  until: bigint,
): Promise<Hex | undefined> {
  let [low, high] = [since < until ? since : until, until];
  while (low < high) {
    const middle = (low + high) / 2n;
    if ((await countAt(reader, from, middle)) > nonce) high = middle;
    else low = middle + 1n;
  }
  const { transactions } = await reader.getBlock({ blockNumber: low, includeTransactions: true });
  return transactions.find((one) => one.nonce === nonce && isAddressEqual(one.from, from))?.hash;
}
