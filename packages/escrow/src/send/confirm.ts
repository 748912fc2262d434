import { setTimeout as sleep } from 'node:timers/promises';
import { OpsError } from '@drydock/kit';
import { type Address, BaseError, type Hex } from 'viem';
import type { Reader } from '../chain/client.ts';
import { ChainError, chainError, reasonOf } from '../chain/errors.ts';
import { deepBelow, type Head, headOf, isStill } from '../chain/head.ts';
import { countWaiting, findReceipt } from '../chain/transactions.ts';
import type { Target } from '../target.ts';
import { broadcast, isKnown } from './broadcast.ts';
import type { Confirmed, Deed, Known, Signed } from './deed.ts';
import { knownOf } from './earlier.ts';
import { fateOf } from './fate.ts';
import { rivalsOf } from './observe.ts';

export interface Waiting {
  target: Pick<Target, 'chain' | 'rpcUrls'>;
  reader: Reader;
  signal: AbortSignal;
  /** Longest wait for a receipt, and then for each block on top of it. */
  minedWithinMs: number;
  /** What was sent for the deed before. */
  known: Known[];
  detail(text: string): void;
}

/** A node that refuses a transaction as often in a row, for whatever reason, will not change its mind. */
const REFUSALS = 3;

/**
 * Waits until the deed is as deep in the chain as the config wants, whichever transaction did it. A reorganisation that
 * takes its block back starts the wait anew; a transaction that the nodes forget is handed to them again; what an RPC
 * cannot answer is asked again for as long as there is time.
 */
export async function confirm(waiting: Waiting, deed: Deed, signed: Signed): Promise<Confirmed> {
  const { target, signal, detail } = waiting;
  const clock: Clock = { deadline: Date.now() + waiting.minedWithinMs, head: 0n, refusals: 0, why: NOT_MINED };
  for (;;) {
    try {
      const found = await look(waiting, deed, signed, clock);
      if (found) return found;
      if (Date.now() > clock.deadline) return open(signed, clock.why);
    } catch (cause) {
      // Anything else is a fault of ours, or an interruption.
      if (!(cause instanceof BaseError || cause instanceof ChainError))
        throw chainError(target, `${deed.what} cannot be followed`, cause);
      if (Date.now() > clock.deadline) throw notKnown(waiting, deed, signed, cause);
      detail(`no answer (${reasonOf(cause)}); asking again`);
    }
    await sleep(target.chain.pollMs, undefined, { signal });
  }
}

const NOT_MINED = 'it was not mined in time';

/** There was time enough, and still the chain does not say what became of it. */
function notKnown({ target }: Waiting, deed: Deed, { hash }: Signed, cause: unknown): OpsError {
  const { message } = chainError(target, `It is not known whether ${deed.what} is there`, cause);
  return new OpsError({
    code: 'NOT_CONFIRMED',
    message,
    hint: `Nothing is lost: run it again, or with --resume, once an RPC answers; either goes on from what the chain says then${hash ? ` (transaction ${hash})` : ''}.`,
    cause,
  });
}

interface Clock {
  /** Until when it must be mined; then, until when the next block must come. */
  deadline: number;
  head: bigint;
  refusals: number;
  /** Why it is not there yet. */
  why: string;
}

async function look(waiting: Waiting, deed: Deed, signed: Signed, clock: Clock): Promise<Confirmed | undefined> {
  const { target, reader } = waiting;
  const head = await headOf(reader);
  const deep = deepBelow(target, head.number);
  const done = await deed.isDone(reader, head.number);
  const believed = done && deep >= 0n && (await deed.isDone(reader, deep));
  if (!(await isStill(reader, head))) return undefined;
  if (believed) return doneBy(waiting, deed, signed, deep, clock);
  if (done) {
    waiting.detail(`it is there; waiting for ${target.chain.confirmations} confirmations`);
    clock.why = 'no block came on top of it';
    stretch(clock, head.number, waiting.minedWithinMs);
    return undefined;
  }
  return signed.hash ? waitOn(waiting, deed, signed, head, deep, clock) : gone(clock);
}

/** The transaction that did it: one of ours by its receipt, or whichever the contract's event tells. */
async function doneBy(
  { reader, known }: Waiting,
  deed: Deed,
  signed: Signed,
  deep: bigint,
  clock: Clock,
): Promise<Confirmed | undefined> {
  for (const hash of new Set([signed.hash, signed.replaces, ...known.map((one) => one.hash)])) {
    const receipt = hash ? await findReceipt(reader, hash as Hex) : undefined;
    if (receipt?.status !== 'success' || receipt.blockNumber > deep) continue;
    if (await isStill(reader, { number: receipt.blockNumber, hash: receipt.blockHash }))
      return { state: 'done', hash: receipt.transactionHash, block: String(receipt.blockNumber), why: null };
  }
  const found = await deed.find(reader);
  // What we sent has a receipt, or another one an event: either comes a moment after the state.
  if (!found && signed.hash && Date.now() < clock.deadline) return undefined;
  return { state: 'done', hash: found?.hash ?? null, block: found ? String(found.block) : null, why: null };
}

/** While blocks come, their number is waited for. */
function stretch(clock: Clock, head: bigint, ms: number): void {
  if (head === clock.head) return;
  clock.head = head;
  clock.deadline = Date.now() + ms;
}

/** It was there when it was decided: a node that is behind says so too, and is given the time. */
function gone(clock: Clock): undefined {
  clock.why = 'it was there, and is not any more';
}

async function waitOn(
  { reader, known, detail }: Waiting,
  { undoable }: Deed,
  signed: Signed,
  { number: head }: Head,
  deep: bigint,
  clock: Clock,
): Promise<Confirmed | undefined> {
  const hash = signed.hash as Hex;
  if (signed.nonce === null) {
    clock.why = 'no node shows the transaction that the product sent';
    if ((await isKnown(reader, hash)) || (await isAnyCounted(reader, signed.from as Address, head))) return undefined;
    return open(signed, 'the nodes dropped it');
  }
  const rivals = [...knownOf(signed), ...known.filter((one) => isRival(one, signed))];
  const group = rivals.length > 0 ? rivalsOf(rivals) : bare(signed, hash);
  if (signed.replaces && !group.hashes.includes(signed.replaces as Hex)) group.hashes.push(signed.replaces as Hex);
  switch (await fateOf(reader, { ...group, undoable }, { head, deep })) {
    case 'spent':
      return open(signed, `nonce ${signed.nonce} was spent, and it is not there`);
    case 'mined':
      clock.why = `nonce ${signed.nonce} is spent, and the RPC does not show by which transaction`;
      detail('it is mined, and not seen yet');
      return undefined;
    case 'waits':
      clock.why = NOT_MINED;
      return undefined;
    case 'hidden':
      return handOver(reader, signed, hash, clock);
  }
}

const isRival = (one: Known, { hash, nonce, from }: Signed) =>
  one.hash !== hash && one.nonce === nonce && one.from.toLowerCase() === from.toLowerCase();

const bare = ({ from, nonce }: Signed, hash: Hex) => ({
  from: from as Address,
  nonce: nonce as number,
  hashes: [hash],
  since: undefined,
});

async function isAnyCounted(reader: Reader, address: Address, head: bigint): Promise<boolean> {
  const [waiting, mined] = await Promise.all([
    countWaiting(reader, address),
    reader.getTransactionCount({ address, blockNumber: head }),
  ]);
  return waiting !== undefined && waiting > mined;
}

/** The same bytes again. Who has them says so, and is believed. */
async function handOver(reader: Reader, signed: Signed, hash: Hex, clock: Clock): Promise<Confirmed | undefined> {
  clock.why = NOT_MINED;
  if (!signed.raw) return undefined;
  const { answer, why } = await broadcast(reader, signed.raw as Hex, hash);
  clock.refusals = answer === 'refused' ? clock.refusals + 1 : 0;
  if (why) clock.why = why;
  // Fees must be others, or money must come: neither comes by waiting.
  return answer === 'dear' || clock.refusals >= REFUSALS ? open(signed, why ?? NOT_MINED) : undefined;
}

function open({ hash }: Signed, why: string): Confirmed {
  return { state: 'open', hash, block: null, why };
}
