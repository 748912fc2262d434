import { type Address, formatGwei, type Hex } from 'viem';
import { isMineable } from '../chain/fees.ts';
import type { TransactionView } from '../chain/transactions.ts';
import { hashIn, viewTransaction } from '../chain/transactions.ts';
import { createKey } from '../deeds/create.ts';
import { rollbackDeed } from '../deeds/rollback.ts';
import type { Known } from '../send/deed.ts';
import { sentBefore } from '../send/earlier.ts';
import type { Session } from '../session.ts';

export interface Inspected extends TransactionView {
  /** Who told of it: `database`, `events`, `journal`. */
  source: string;
  /** Against the base fee of now, in a person's words. */
  note: string;
}

/** Every transaction that anybody remembers for the job, with what became of it. */
export async function inspectTransactions(
  { target, reader }: Session,
  {
    job,
    address,
    txHash,
    events,
    baseFee,
  }: { job: string; address: Address; txHash: string | null; events: Hex[]; baseFee: bigint | null },
): Promise<Inspected[]> {
  const keys = [createKey(target, job), rollbackDeed(target, job, address).key];
  const journal = (await Promise.all(keys.map((key) => sentBefore(target, key)))).flat();
  const sources = new Map<Hex, string>();
  const add = (hash: Hex, source: string) =>
    sources.set(hash, sources.has(hash) ? `${sources.get(hash)}, ${source}` : source);
  const remembered = hashIn(txHash);
  if (remembered) add(remembered, 'database');
  for (const hash of new Set(events)) add(hash, 'events');
  for (const { hash } of journal) add(hash, 'journal');
  return Promise.all([...sources].map(([hash, source]) => inspectOne(hash, source)));

  async function inspectOne(hash: Hex, source: string): Promise<Inspected> {
    const ours = journal.find((one: Known) => one.hash === hash);
    const view = await viewTransaction(reader, hash, ours);
    return { ...view, fees: view.fees ?? ours?.fees, source, note: noteOf(view, baseFee) };
  }
}

function noteOf({ state, fees }: TransactionView, baseFee: bigint | null): string {
  if (state !== 'pending' || !fees || baseFee === null) return '';
  return isMineable(fees, baseFee)
    ? `pays the base fee of ${formatGwei(baseFee)} gwei`
    : `offers less than the base fee of ${formatGwei(baseFee)} gwei: it cannot be mined now`;
}
