import type { Abi, Address } from 'viem';
import type { Target } from '../target.ts';
import type { Reader } from './client.ts';
import { chainError } from './errors.ts';
import type { EscrowState } from './escrow-state.ts';
import { readTerms } from './terms.ts';

/** What an escrow has paid out, by the contract's own state: its events are read as far back as an RPC lets us, and no further. */
export interface Payments {
  /** Wei it was made with. */
  total: bigint;
  /** Wei paid out; undefined where neither the views nor the sums tell. */
  released: bigint | undefined;
  /** Which milestones, where the contract tells it. */
  milestones: { index: number; amount: bigint; released: boolean }[] | undefined;
}

/** `amounts`: what the job says, in wei; the contract's own come first where it tells them. */
export async function readPayments(
  target: Target,
  reader: Reader,
  { address, escrow, amounts, block }: { address: Address; escrow: EscrowState; amounts: bigint[]; block: bigint },
): Promise<Payments> {
  const made = (await readTerms(target, reader, address, block)).amounts ?? amounts;
  const total = sum(made);
  const flags = await readReleased(target, reader, { address, count: made.length, block });
  const milestones = flags && made.map((amount, index) => ({ index, amount, released: flags[index] ?? false }));
  // Until it is rolled back, what is gone from the total was paid out. Afterwards only the milestones tell it from what went back.
  const gone = escrow.rolledBack || total < escrow.unreleased ? undefined : total - escrow.unreleased;
  const told = milestones && sum(milestones.flatMap(({ amount, released }) => (released ? [amount] : [])));
  return { total, released: gone ?? (escrow.rolledBack ? told : undefined), milestones };
}

/** Undefined where the contract has no view for it. */
async function readReleased(
  target: Target,
  reader: Reader,
  { address, count, block }: { address: Address; count: number; block: bigint },
): Promise<boolean[] | undefined> {
  const functionName = target.escrow.reads.released;
  if (functionName === null) return undefined;
  const abi: Abi = target.abi.escrow;
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      try {
        const args = [BigInt(index)];
        return (await reader.readContract({ address, abi, functionName, args, blockNumber: block })) as boolean;
      } catch (cause) {
        throw chainError(target, `The escrow ${address} does not say whether milestone ${index} is released`, cause);
      }
    }),
  );
}

const sum = (amounts: bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);
