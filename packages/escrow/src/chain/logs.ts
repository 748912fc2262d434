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
import { chainError } from './errors.ts';
import { spansOf } from './spans.ts';

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
  const blocks = { from: firstBlock(target, to), to, newestFirst: true };
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
  const blocks = { from: maxOf(from, to - BigInt(target.chain.logRange) + 1n), to };
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

/** Older blocks are not looked through: on a long chain that would take hours. `chain.startBlock` and `chain.logRange` move it. */
const SPANS = 500n;

/** The first block whose events are read; later than `chain.startBlock` on a chain that is too long. */
export function firstBlock({ chain }: LogTarget, to: bigint): bigint {
  return maxOf(BigInt(chain.startBlock), to - SPANS * BigInt(chain.logRange) + 1n);
}

/** Begins with one block, since nobody knows how dense it is. */
const wholeChain = (target: LogTarget, reader: Reader, wanted: Wanted, to: bigint) =>
  rawSpans(target, reader, wanted, { from: firstBlock(target, to), to, careful: true });

interface Blocks {
  from: bigint;
  to: bigint;
  /** The first request asks for one block. */
  careful?: boolean;
  newestFirst?: boolean;
}

/** How many blocks a request asks for is decided by what the RPC has answered before (spans.ts). */
async function* rawSpans(
  target: LogTarget,
  reader: Reader,
  wanted: Wanted,
  { from, to, careful = false, newestFirst = false }: Blocks,
): AsyncGenerator<RpcLog[]> {
  const spans = spansOf(reader, target.chain.logRange);
  let next = spans.first(careful);
  for (let [low, high] = [from, to]; low <= high; ) {
    const count = Math.min(next, Number(high - low) + 1);
    const [first, last] = newestFirst ? [high - BigInt(count) + 1n, high] : [low, low + BigInt(count) - 1n];
    let logs: RpcLog[];
    try {
      logs = await rawLogs(reader, wanted, first, last);
    } catch (cause) {
      const smaller = await spans.refused(count, cause);
      if (smaller === undefined)
        throw chainError(target, `The events of ${wanted.address} cannot be read (blocks ${first} to ${last})`, cause);
      next = smaller;
      continue;
    }
    yield logs;
    if (newestFirst) high = first - 1n;
    else low = last + 1n;
    next = spans.answered(count, logs.length);
  }
}

/** By topic, and as they come: the library's own call would decode them a first time. */
function rawLogs(reader: Reader, { address, abi, event }: Wanted, from: bigint, to: bigint): Promise<RpcLog[]> {
  const item = abi.find((one): one is AbiEvent => one.type === 'event' && one.name === event);
  const topics = item ? { topics: [toEventSelector(item)] } : {};
  const params = [{ address, fromBlock: toHex(from), toBlock: toHex(to), ...topics }] as const;
  return reader.request({ method: 'eth_getLogs', params: [...params] }, { retryCount: 0 });
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
