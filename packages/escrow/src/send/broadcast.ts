import type { Hex } from 'viem';
import type { Reader } from '../chain/client.ts';
import { isAway, reasonOf } from '../chain/errors.ts';
import { findReceipt, findTransaction } from '../chain/transactions.ts';

/**
 * Hands a signed transaction to the chain. Safe to repeat: it is the same transaction. What is thrown by a node is not
 * believed before the chain was asked: an answer that timed out may have been a yes.
 */
export async function broadcast(reader: Reader, raw: Hex, hash: Hex): Promise<{ sent: boolean; why: string | null }> {
  try {
    await reader.sendRawTransaction({ serializedTransaction: raw });
    return { sent: true, why: null };
  } catch (error) {
    const known = await isKnown(reader, hash).catch(() => false);
    if (known) return { sent: true, why: null };
    // Sent again while it is waited for; only that can tell whether it arrived.
    if (isAway(error)) return { sent: false, why: `no RPC took it (${reasonOf(error)})` };
    return { sent: false, why: reasonOf(error) };
  }
}

export async function isKnown(reader: Reader, hash: Hex): Promise<boolean> {
  const [transaction, receipt] = await Promise.all([findTransaction(reader, hash), findReceipt(reader, hash)]);
  return transaction !== undefined || receipt !== undefined;
}
