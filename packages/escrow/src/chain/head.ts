import type { Hex } from 'viem';
import type { Target } from '../target.ts';
import type { Reader } from './client.ts';
import { chainError } from './errors.ts';

/** The newest block. What is read for one decision is read at this block, and not at whatever is newest by then. */
export interface Head {
  number: bigint;
  hash: Hex;
  baseFee: bigint | null;
}

/** By its number, so that it is one of the chain that the number's state is asked of: "latest" has been seen to be of a fork. */
export async function headOf(reader: Reader): Promise<Head> {
  const blockNumber = await reader.getBlockNumber();
  const { number, hash, baseFeePerGas: baseFee } = await reader.getBlock({ blockNumber });
  return { number, hash, baseFee };
}

/** Is it still the chain's block of that number? Otherwise what was read at it belongs to no chain. */
export async function isStill(reader: Reader, { number, hash }: Pick<Head, 'number' | 'hash'>): Promise<boolean> {
  return (await reader.getBlock({ blockNumber: number })).hash === hash;
}

/** The newest block that is believed: as many stand on it, itself included, as the config wants. Negative on a chain that is too young. */
export function deepBelow({ chain }: Pick<Target, 'chain'>, head: bigint): bigint {
  return head + 1n - BigInt(chain.confirmations);
}

export async function pin(target: Target, reader: Reader): Promise<Head> {
  try {
    return await headOf(reader);
  } catch (cause) {
    throw chainError(target, 'The newest block cannot be read', cause);
  }
}

export async function assertStill(target: Target, reader: Reader, head: Pick<Head, 'number' | 'hash'>): Promise<void> {
  const still = await isStill(reader, head).catch((cause) => {
    throw chainError(target, `Block ${head.number} cannot be read again`, cause);
  });
  if (still) return;
  throw chainError(
    target,
    `Block ${head.number} was taken back while it was read (a reorganisation)`,
    new Error('run it again'),
  );
}
