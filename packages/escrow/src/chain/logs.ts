import {
  type Abi,
  type AbiEvent,
  type Address,
  decodeEventLog,
  type Hex,
  type RpcLog,
  toEventSelector,
  toHex,
} from 'viem';
import type { Target } from '../target.ts';
import type { Reader } from './client.ts';
import { chainError, isRefusal } from './errors.ts';

export interface EventSeen {
  name: string;
  args: Record<string, unknown>;
  hash: Hex;
  block: bigint;
  address: Address;
}

type LogTarget = Pick<Target, 'chain' | 'rpcUrls'>;
interface Wanted {
  address: Address;
  abi: Abi;
  /** Left out: every event of the contract. */
  event?: string;
}

/** Events of a contract up to a block, in spans that RPCs allow, oldest first. */
export async function* readLogs(
  target: LogTarget,
  reader: Reader,
  wanted: Wanted,
  to: bigint,
): AsyncGenerator<EventSeen[]> {
  for await (const logs of wholeChain(target, reader, wanted, to)) yield logs.flatMap((log) => decode(log, wanted));
}

/** The newest event that matches, looked for from the newest block back. */
export async function findLog(
  target: LogTarget,
  reader: Reader,
  wanted: Wanted,
  matches: (event: EventSeen) => boolean,
): Promise<EventSeen | undefined> {
  const to = await reader.getBlockNumber().catch((cause) => {
    throw chainError(target, `The events of ${wanted.address} cannot be read`, cause);
  });
  const blocks = { from: firstBlock(target, to), to, span: target.chain.logRange, newestFirst: true };
  for await (const logs of rawSpans(target, reader, wanted, blocks)) {
    const found = logs.flatMap((log) => decode(log, wanted)).findLast(matches);
    if (found) return found;
  }
  return undefined;
}

/** Events of a few blocks, oldest first; of the newest `chain.logRange` where there are more. */
export async function readSince(
  target: LogTarget,
  reader: Reader,
  wanted: Wanted,
  from: bigint,
  to: bigint,
): Promise<EventSeen[]> {
  const span = target.chain.logRange;
  const blocks = { from: maxOf(from, to - BigInt(span) + 1n), to, span };
  const seen: EventSeen[] = [];
  for await (const logs of rawSpans(target, reader, wanted, blocks))
    seen.push(...logs.flatMap((log) => decode(log, wanted)));
  return seen;
}

/** How many events of one name there are up to a block: counted without being read. */
export async function countLogs(target: LogTarget, reader: Reader, wanted: Wanted, to: bigint): Promise<number> {
  let count = 0;
  for await (const logs of wholeChain(target, reader, wanted, to)) count += logs.length;
  return count;
}

/** An answer is text and objects at once, several kB an event: more than these in one are only met by surprise. */
const PER_ANSWER = 1_000;

/** Older blocks are not looked through: on a long chain that would take hours. `chain.startBlock` and `chain.logRange` move it. */
const SPANS = 500n;

/** The first block whose events are read; later than `chain.startBlock` on a chain that is too long. */
export function firstBlock({ chain }: LogTarget, to: bigint): bigint {
  return maxOf(BigInt(chain.startBlock), to - SPANS * BigInt(chain.logRange) + 1n);
}

/** Begins with one block, since nobody knows how dense it is. */
const wholeChain = (target: LogTarget, reader: Reader, wanted: Wanted, to: bigint) =>
  rawSpans(target, reader, wanted, { from: firstBlock(target, to), to, span: 1 });

interface Blocks {
  from: bigint;
  to: bigint;
  /** How many blocks the first request asks for. */
  span: number;
  newestFirst?: boolean;
}

/**
 * Doubles up to `chain.logRange`, but takes no more than hold PER_ANSWER at the last span's density; half as many when the
 * RPC refuses. Providers limit blocks, events and bytes, each by a code and in words of its own: only fewer are asked for.
 */
async function* rawSpans(
  target: LogTarget,
  reader: Reader,
  wanted: Wanted,
  { from, to, span, newestFirst = false }: Blocks,
): AsyncGenerator<RpcLog[]> {
  for (let [low, high, next] = [from, to, span]; low <= high; ) {
    const count = Math.min(next, Number(high - low) + 1);
    const [first, last] = newestFirst ? [high - BigInt(count) + 1n, high] : [low, low + BigInt(count) - 1n];
    let logs: RpcLog[];
    try {
      logs = await rawLogs(reader, wanted, first, last);
    } catch (cause) {
      next = Math.floor(count / 2);
      if (next > 0 && isRefusal(cause)) continue;
      throw chainError(target, `The events of ${wanted.address} cannot be read (blocks ${first} to ${last})`, cause);
    }
    yield logs;
    if (newestFirst) high = first - 1n;
    else low = last + 1n;
    const fitting = Math.floor((count * PER_ANSWER) / Math.max(logs.length, 1));
    next = Math.max(1, Math.min(fitting, count * 2, target.chain.logRange));
  }
}

/** By topic, and as they come: the library's own call would decode them a first time. */
function rawLogs(reader: Reader, { address, abi, event }: Wanted, from: bigint, to: bigint): Promise<RpcLog[]> {
  const item = abi.find((one): one is AbiEvent => one.type === 'event' && one.name === event);
  const topics = item ? { topics: [toEventSelector(item)] } : {};
  return reader.request({
    method: 'eth_getLogs',
    params: [{ address, fromBlock: toHex(from), toBlock: toHex(to), ...topics }],
  });
}

function decode(log: RpcLog, { abi, event }: Wanted): EventSeen[] {
  try {
    const decoded = decodeEventLog({ abi, data: log.data, topics: log.topics as [Hex, ...Hex[]] });
    if (event !== undefined && decoded.eventName !== event) return [];
    return [
      {
        name: decoded.eventName ?? '',
        args: (decoded.args ?? {}) as Record<string, unknown>,
        hash: log.transactionHash as Hex,
        block: BigInt(log.blockNumber ?? 0),
        address: log.address,
      },
    ];
  } catch {
    // An event that this ABI does not know.
    return [];
  }
}

const maxOf = (a: bigint, b: bigint) => (a > b ? a : b);
