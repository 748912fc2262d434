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
  for await (const logs of rawSpans(target, reader, wanted, to)) yield logs.flatMap((log) => decode(log, wanted));
}

/** The newest event that matches, looked for from the newest block back. */
export async function findLog(
  target: LogTarget,
  reader: Reader,
  wanted: Wanted,
  matches: (event: EventSeen) => boolean,
): Promise<EventSeen | undefined> {
  const head = await reader.getBlockNumber();
  const [start, span] = [firstBlock(target, head), BigInt(target.chain.logRange)];
  for (let to = head; to >= start; to -= span) {
    const from = to - span + 1n > start ? to - span + 1n : start;
    const found = (await readSpan(target, reader, wanted, from, to)).findLast(matches);
    if (found) return found;
  }
  return undefined;
}

/** Events of a few blocks, oldest first; no more than one request can ask for. */
export async function readSince(
  target: LogTarget,
  reader: Reader,
  wanted: Wanted,
  from: bigint,
  to: bigint,
): Promise<EventSeen[]> {
  const reach = to - BigInt(target.chain.logRange) + 1n;
  return readSpan(target, reader, wanted, from > reach ? from : reach, to);
}

/** How many events of one name there are up to a block: counted without being read. */
export async function countLogs(target: LogTarget, reader: Reader, wanted: Wanted, to: bigint): Promise<number> {
  let count = 0;
  for await (const logs of rawSpans(target, reader, wanted, to)) count += logs.length;
  return count;
}

/** An answer is text and objects at once, several kB an event: more than these in one are only met by surprise. */
const PER_ANSWER = 1_000;

/** Older blocks are not looked through: on a long chain that would take hours. `chain.startBlock` and `chain.logRange` move it. */
const SPANS = 500n;

/** The first block whose events are read; later than `chain.startBlock` on a chain that is too long. */
export function firstBlock({ chain }: LogTarget, to: bigint): bigint {
  const start = BigInt(chain.startBlock);
  const reach = to - SPANS * BigInt(chain.logRange) + 1n;
  return reach > start ? reach : start;
}

/** Begins with one block and doubles up to `chain.logRange`, but takes no more than hold PER_ANSWER at the last span's density. */
async function* rawSpans(target: LogTarget, reader: Reader, wanted: Wanted, to: bigint): AsyncGenerator<RpcLog[]> {
  let span = 1;
  for (let from = firstBlock(target, to); from <= to; ) {
    const until = minOf(from + BigInt(span) - 1n, to);
    const logs = await rawLogs(target, reader, wanted, from, until);
    yield logs;
    from = until + 1n;
    const fitting = Math.floor((span * PER_ANSWER) / Math.max(logs.length, 1));
    span = Math.max(1, Math.min(fitting, span * 2, target.chain.logRange));
  }
}

async function readSpan(
  target: LogTarget,
  reader: Reader,
  wanted: Wanted,
  from: bigint,
  to: bigint,
): Promise<EventSeen[]> {
  return (await rawLogs(target, reader, wanted, from, to)).flatMap((log) => decode(log, wanted));
}

/** By topic, and as they come: the library's own call would decode them a first time. */
async function rawLogs(
  target: LogTarget,
  reader: Reader,
  { address, abi, event }: Wanted,
  from: bigint,
  to: bigint,
): Promise<RpcLog[]> {
  const item = abi.find((one): one is AbiEvent => one.type === 'event' && one.name === event);
  try {
    return await reader.request({
      method: 'eth_getLogs',
      params: [
        { address, fromBlock: toHex(from), toBlock: toHex(to), ...(item ? { topics: [toEventSelector(item)] } : {}) },
      ],
    });
  } catch (cause) {
    throw chainError(target, `The events of ${address} cannot be read (blocks ${from} to ${to})`, cause);
  }
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

const minOf = (a: bigint, b: bigint) => (a < b ? a : b);
