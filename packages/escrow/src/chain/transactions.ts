import { type Address, getAddress, type Hex, TransactionNotFoundError, TransactionReceiptNotFoundError } from 'viem';
import type { Reader } from './client.ts';
import { isUnsupported } from './errors.ts';
import type { Fees } from './fees.ts';

/** `dropped`: no node knows it any more. `replaced`: another transaction took its nonce. */
export type TransactionState = 'pending' | 'dropped' | 'replaced' | 'reverted' | 'mined';

export interface TransactionView {
  hash: Hex;
  state: TransactionState;
  /** Unknown once no node has it, unless we sent it ourselves. */
  nonce: number | undefined;
  from: Address | undefined;
  to: Address | null | undefined;
  data: Hex | undefined;
  value: bigint | undefined;
  fees: Fees | undefined;
  blockNumber: bigint | undefined;
}

/** What became of a transaction. `nonce` and `from` are what is remembered of it, should the nodes have forgotten it. */
export async function viewTransaction(
  reader: Reader,
  hash: Hex,
  remembered: { nonce?: number; from?: Address } = {},
): Promise<TransactionView> {
  const [transaction, receipt] = await Promise.all([findTransaction(reader, hash), findReceipt(reader, hash)]);
  const nonce = transaction?.nonce ?? remembered.nonce;
  const from = transaction ? getAddress(transaction.from) : remembered.from;
  return {
    hash,
    state: receipt
      ? receipt.status === 'success'
        ? 'mined'
        : 'reverted'
      : transaction
        ? 'pending'
        : (await isNonceTaken(reader, from, nonce))
          ? 'replaced'
          : 'dropped',
    nonce,
    from,
    to: transaction?.to,
    data: transaction?.input,
    value: transaction?.value,
    fees: transaction && feesOf(transaction),
    blockNumber: receipt?.blockNumber,
  };
}

export async function findTransaction(reader: Reader, hash: Hex) {
  try {
    return await reader.getTransaction({ hash });
  } catch (error) {
    if (error instanceof TransactionNotFoundError) return undefined;
    throw error;
  }
}

export async function findReceipt(reader: Reader, hash: Hex) {
  try {
    return await reader.getTransactionReceipt({ hash });
  } catch (error) {
    if (error instanceof TransactionReceiptNotFoundError) return undefined;
    throw error;
  }
}

/** A hash as somebody kept it: in capitals, without 0x, with blanks around it. Undefined for what is none. */
export function hashIn(text: string | null): Hex | undefined {
  const [, digits] = /^\s*(?:0x)?([0-9a-f]{64})\s*$/i.exec(text ?? '') ?? [];
  return digits === undefined ? undefined : `0x${digits.toLowerCase()}`;
}

/** Transactions of an account, with those that wait; undefined on a chain that has no block by the name of "pending". */
export async function countWaiting(reader: Reader, address: Address): Promise<number | undefined> {
  try {
    return await reader.getTransactionCount({ address, blockTag: 'pending' });
  } catch (error) {
    if (isUnsupported(error)) return undefined;
    throw error;
  }
}

async function isNonceTaken(reader: Reader, from: Address | undefined, nonce: number | undefined): Promise<boolean> {
  if (from === undefined || nonce === undefined) return false;
  return (await reader.getTransactionCount({ address: from })) > nonce;
}

function feesOf(transaction: {
  maxFeePerGas?: bigint | undefined;
  maxPriorityFeePerGas?: bigint | undefined;
  gasPrice?: bigint | undefined;
}): Fees {
  const { maxFeePerGas, maxPriorityFeePerGas, gasPrice } = transaction;
  if (maxFeePerGas === undefined) return { max: gasPrice ?? 0n, priority: null };
  return { max: maxFeePerGas, priority: maxPriorityFeePerGas ?? 0n };
}
