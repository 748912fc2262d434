import { readRuns } from '@drydock/kit';
import type { Address, Hex } from 'viem';
import type { Signed } from './deed.ts';
import type { Fees } from './fees.ts';

/** A transaction that this checkout signed for a deed, in this run or an earlier one. */
export interface Known {
  hash: Hex;
  nonce: number;
  from: Address;
  fees: Fees;
}

/** Newest first, as the journals tell it. */
export function signedBefore(root: string, deed: string): Known[] {
  return readRuns(root)
    .flatMap(({ steps }) => [...steps.values()])
    .flatMap(({ name, data }) => {
      const signed = data as Partial<Signed> | null | undefined;
      return /(^| )sign$/.test(name) && signed?.deed === deed ? [signed as Signed] : [];
    })
    .flatMap(({ hash, nonce, from, max, priority, raw }) =>
      hash && nonce !== null && raw
        ? [
            {
              hash: hash as Hex,
              nonce,
              from: from as Address,
              fees: { max: BigInt(max ?? 0), priority: priority === null ? null : BigInt(priority) },
            },
          ]
        : [],
    )
    .reverse();
}
