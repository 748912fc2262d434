import type { Hex } from 'viem';
import type { Reader } from '../chain/client.ts';
import { isPassing, reasonOf } from '../chain/errors.ts';
import { findReceipt, findTransaction } from '../chain/transactions.ts';

/**
 * `taken`: a node has it. `later`: nobody could be asked, or its nonce is mined: what is there will tell. `dear`: fees or
 * balance do not suffice. `refused`: anything else.
 */
export type Handover = { answer: 'taken' | 'later' | 'dear' | 'refused'; why: string | null };

/**
 * Hands a signed transaction to the chain. Safe to repeat: it is the same transaction. What is thrown by a node is not
 * believed before the chain was asked: an answer that timed out may have been a yes.
 */
export async function broadcast(reader: Reader, raw: Hex, hash: Hex): Promise<Handover> {
  try {
    await reader.sendRawTransaction({ serializedTransaction: raw });
    return { answer: 'taken', why: null };
  } catch (error) {
    const why = reasonOf(error);
    if (KNOWN.test(why) || (await isKnown(reader, hash).catch(() => false))) return { answer: 'taken', why: null };
    // Fees as they are, the same bytes: whoever waits hands them over again.
    if (isPassing(error)) return { answer: 'later', why: `no RPC took it (${why})` };
    if (PASSED.test(why)) return { answer: 'later', why };
    return { answer: DEAR.test(why) ? 'dear' : 'refused', why };
  }
}

/**
 * There is no code for any of these, only words: geth, reth, erigon and nitro say "already known", Nethermind
 * "AlreadyKnown", Besu and hardhat "Known transaction", OpenEthereum "with the same hash was already imported", anvil
 * "already imported", those on CometBFT "already exists in cache" or "in mempool".
 */
const KNOWN = /already[\s_-]*(known|imported|exists?|in (the )?(mempool|pool|cache))|(?<!un)known[\s_-]*transaction/i;
/** "nonce too low", Nethermind's OldNonce, Besu's "Nonce … below …". */
const PASSED = /nonce.{0,40}(too low|below|already|expired|lower)|old[\s_-]*nonce|stale[\s_-]*nonce/i;
const DEAR =
  /underpriced|fee[\s_-]*too[\s_-]*low|(gas ?price|max ?fee|fee ?cap|tip|priority fee).{0,60}(below|less|low|under)|insufficient (funds|balance)|exceeds.{0,40}balance/i;

export async function isKnown(reader: Reader, hash: Hex): Promise<boolean> {
  const [transaction, receipt] = await Promise.all([findTransaction(reader, hash), findReceipt(reader, hash)]);
  return transaction !== undefined || receipt !== undefined;
}
