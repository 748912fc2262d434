import { type Address, getAddress } from 'viem';
import type { Target } from '../target.ts';
import type { Reader } from './client.ts';
import { chainError } from './errors.ts';

/** What an escrow was made with, as far as its views tell; null where it has no such view. */
export interface Terms {
  client: Address | null;
  freelancer: Address | null;
  /** Wei per milestone, in order. */
  amounts: bigint[] | null;
}

export async function readTerms(target: Target, reader: Reader, address: Address, blockNumber: bigint): Promise<Terms> {
  const ask = async (functionName: string | null) => {
    if (functionName === null) return null;
    return reader.readContract({ address, abi: target.abi.escrow, functionName, blockNumber });
  };
  try {
    const [client, freelancer, amounts] = await Promise.all([
      ask(target.terms.client),
      ask(target.terms.freelancer),
      ask(target.terms.amounts),
    ]);
    return {
      client: client === null ? null : getAddress(client as string),
      freelancer: freelancer === null ? null : getAddress(freelancer as string),
      amounts: amounts === null ? null : [amounts as bigint | bigint[]].flat(),
    };
  } catch (cause) {
    throw chainError(target, `The escrow ${address} does not say what it was made with`, cause);
  }
}
