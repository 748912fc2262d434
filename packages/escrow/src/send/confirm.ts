import { setTimeout as sleep } from 'node:timers/promises';
import type { Address, Hex } from 'viem';
import type { Reader } from '../chain/client.ts';
import { chainError, isAway, reasonOf } from '../chain/errors.ts';
import { findReceipt } from '../chain/transactions.ts';
import type { Target } from '../target.ts';
import { broadcast, isKnown } from './broadcast.ts';
import type { Confirmed, Deed, Signed } from './deed.ts';

export interface Waiting {
  target: Pick<Target, 'chain' | 'rpcUrls'>;
  reader: Reader;
  signal: AbortSignal;
  /** Longest wait for a receipt, and then for each block on top of it. */
  minedWithinMs: number;
  detail(text: string): void;
}

/**
 * Waits until the deed is as deep in the chain as the config wants, whichever transaction did it. A reorganisation that
 * takes its block back starts the wait anew; a transaction that the nodes forget is handed to them again.
 */
export async function confirm(waiting: Waiting, deed: Deed, signed: Signed): Promise<Confirmed> {
  const { target, signal, detail } = waiting;
  const clock: Clock = { deadline: Date.now() + waiting.minedWithinMs, head: 0n, takenTwice: 0 };
  for (;;) {
    try {
      const found = await look(waiting, deed, signed, clock);
      if (found) return found;
      if (Date.now() > clock.deadline)
        return open(signed, clock.head > 0n ? 'no block came on top of it' : 'it was not mined in time');
    } catch (cause) {
      if (!isAway(cause) || Date.now() > clock.deadline)
        throw chainError(target, `${deed.what} cannot be followed`, cause);
      detail(`no RPC answers (${reasonOf(cause)}); asking again`);
    }
    await sleep(target.chain.pollMs, undefined, { signal });
  }
}

interface Clock {
  /** Until when it must be mined; then, until when the next block must come. */
  deadline: number;
  head: bigint;
  takenTwice: number;
}

async function look(waiting: Waiting, deed: Deed, signed: Signed, clock: Clock): Promise<Confirmed | undefined> {
  const { reader } = waiting;
  const head = await reader.getBlockNumber();
  const receipt = await firstReceipt(reader, signed);
  const done = await deed.isDone(reader);
  if (receipt?.status === 'success' && done) {
    if (!(await isDeep(waiting, clock, head, receipt.blockNumber)) || !(await isCanonical(reader, receipt)))
      return undefined;
    return { state: 'done', hash: receipt.transactionHash, block: String(receipt.blockNumber), why: null };
  }
  if (done) return doneByOther(waiting, deed, clock, head);
  if (receipt)
    return open(
      signed,
      `transaction ${receipt.transactionHash} was mined in block ${receipt.blockNumber} and did not do it`,
    );
  if (!signed.hash) return open(signed, 'it was there, and is not any more');
  return waitOn(reader, signed, signed.hash as Hex, clock);
}

async function doneByOther(
  { target, reader, detail, minedWithinMs }: Waiting,
  deed: Deed,
  clock: Clock,
  head: bigint,
): Promise<Confirmed | undefined> {
  const deep = head + 1n - BigInt(target.chain.confirmations);
  detail(`it is there; waiting for ${target.chain.confirmations} confirmations`);
  stretch(clock, head, minedWithinMs);
  if (deep < 0n || !(await deed.isDone(reader, deep))) return undefined;
  const found = await deed.find(reader);
  return { state: 'done', hash: found?.hash ?? null, block: found ? String(found.block) : null, why: null };
}

async function isDeep(
  { target, detail, minedWithinMs }: Waiting,
  clock: Clock,
  head: bigint,
  block: bigint,
): Promise<boolean> {
  const depth = head - block + 1n;
  detail(`${depth} of ${target.chain.confirmations} confirmations`);
  if (depth >= BigInt(target.chain.confirmations)) return true;
  stretch(clock, head, minedWithinMs);
  return false;
}

/** While blocks come, their number is waited for. */
function stretch(clock: Clock, head: bigint, ms: number): void {
  if (head === clock.head) return;
  clock.head = head;
  clock.deadline = Date.now() + ms;
}

/** In the mempool, forgotten, or its nonce gone. */
async function waitOn(reader: Reader, signed: Signed, hash: Hex, clock: Clock): Promise<Confirmed | undefined> {
  const mined = await reader.getTransactionCount({ address: signed.from as Address });
  if (signed.nonce !== null && mined > signed.nonce) {
    // Asked twice: the receipt may come a moment after the count.
    clock.takenTwice += 1;
    return clock.takenTwice < 2 ? undefined : open(signed, `another transaction took nonce ${signed.nonce}`);
  }
  clock.takenTwice = 0;
  if (await isKnown(reader, hash)) return undefined;
  if (!signed.raw) return open(signed, 'the nodes dropped it');
  const { sent, why } = await broadcast(reader, signed.raw as Hex, hash);
  // A node that refuses it outright will not change its mind: fees or nonce must be others.
  return sent || why === null || /no RPC took it/.test(why) ? undefined : open(signed, why);
}

/** Of the transaction, or of the one that it was to replace. */
async function firstReceipt(reader: Reader, { hash, replaces }: Signed) {
  for (const one of [hash, replaces]) {
    const receipt = one ? await findReceipt(reader, one as Hex) : undefined;
    if (receipt) return receipt;
  }
  return undefined;
}

async function isCanonical(reader: Reader, { blockNumber, blockHash }: { blockNumber: bigint; blockHash: Hex }) {
  const block = await reader.getBlock({ blockNumber });
  return block.hash === blockHash;
}

function open({ hash }: Signed, why: string): Confirmed {
  return { state: 'open', hash, block: null, why };
}
