import { type Abi, type AbiEvent, type Address, decodeEventLog, type Hex, type Log } from 'viem';
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
  const span = BigInt(target.chain.logRange);
  for (let from = BigInt(target.chain.startBlock); from <= to; from += span)
    yield await readSpan(target, reader, wanted, from, minOf(from + span - 1n, to));
}

/** The newest event that matches, looked for from the newest block back. */
export async function findLog(
  target: LogTarget,
  reader: Reader,
  wanted: Wanted,
  matches: (event: EventSeen) => boolean,
): Promise<EventSeen | undefined> {
  const [start, span] = [BigInt(target.chain.startBlock), BigInt(target.chain.logRange)];
  for (let to = await reader.getBlockNumber(); to >= start; to -= span) {
    const from = to - span + 1n > start ? to - span + 1n : start;
    const found = (await readSpan(target, reader, wanted, from, to)).findLast(matches);
    if (found) return found;
  }
  return undefined;
}

async function readSpan(
  target: LogTarget,
  reader: Reader,
  { address, abi, event }: Wanted,
  fromBlock: bigint,
  toBlock: bigint,
): Promise<EventSeen[]> {
  const item = abi.find((one) => one.type === 'event' && one.name === event) as AbiEvent | undefined;
  try {
    const where = { address, fromBlock, toBlock };
    const logs: Log[] = await (item ? reader.getLogs({ ...where, event: item }) : reader.getLogs(where));
    return logs.flatMap((log) => decode(log, abi, event));
  } catch (cause) {
    throw chainError(target, `The events of ${address} cannot be read (blocks ${fromBlock} to ${toBlock})`, cause);
  }
}

function decode(log: Log, abi: Abi, event: string | undefined): EventSeen[] {
  try {
    const decoded = decodeEventLog({ abi, data: log.data, topics: log.topics });
    if (event !== undefined && decoded.eventName !== event) return [];
    return [
      {
        name: decoded.eventName ?? '',
        args: (decoded.args ?? {}) as Record<string, unknown>,
        hash: log.transactionHash as Hex,
        block: log.blockNumber as bigint,
        address: log.address,
      },
    ];
  } catch {
    // An event that this ABI does not know.
    return [];
  }
}

const minOf = (a: bigint, b: bigint) => (a < b ? a : b);
