import type { Address, Hex } from 'viem';
import type { Reader } from '../chain/client.ts';
import type { Fees } from '../chain/fees.ts';
import type { Recalled } from '../jobs/types.ts';

/** One thing to be brought about on the chain by one transaction, once, whoever tries how often. */
export interface Deed {
  /** Names it in journals, so that a later run finds what an earlier one sent: `31337:create:0xFactory:job`. */
  key: string;
  /** In a sentence: `the escrow of job 42`. */
  what: string;
  call: { to: Address; data: Hex; value: bigint };
  /** Does the chain say so, at this block? */
  isDone(reader: Reader, blockNumber: bigint): Promise<boolean>;
  /** Refuses if it is not any more what was planned: asked anew before a transaction leaves this machine. */
  requireWanted(reader: Reader, blockNumber: bigint): Promise<void>;
  /** It can be undone by others and wanted again: a transaction of before that went through is none for today. */
  undoable?: true;
  /** What the contract says depends on the time of the block: the newest one may be too early where the next is not. */
  timed?: true;
  /** The transaction that did it, by the contract's event, if it can be found. */
  find(reader: Reader): Promise<{ hash: Hex; block: bigint } | undefined>;
  /** What the product remembers of it. */
  recall(): Promise<Recalled>;
  /** Writes a transaction down where the product looks, before it is sent; false if the row is not any more what was recalled. */
  remember(hash: Hex, recalled: Recalled | undefined): Promise<boolean>;
}

export const NOTHING: Recalled = { hash: null, pending: null, deployed: null };

/** What a `sign` step leaves in the journal. A signed transaction is public the moment it is sent, and sent again it is the same one. */
export type Signed = {
  deed: string;
  action: 'adopt' | 'wait' | 'replace' | 'send' | 'refused';
  /** Who signed. */
  from: string;
  hash: string | null;
  nonce: number | null;
  /** The transaction this one takes the place of. */
  replaces: string | null;
  raw: string | null;
  /** Wei per gas, as decimal text. */
  max: string | null;
  priority: string | null;
  /** Why nothing was signed, and the code of that; journals of old versions lack the code. */
  why: string | null;
  code?: string;
  /** The newest block then: whatever takes the nonce stands in a later one. Journals of old versions lack these three. */
  block?: string;
  recalled?: Recalled;
  /** Transactions for the same deed that were known then. */
  knew?: string[];
};

/** What a `confirm` step found. `open`: not there yet, and the next attempt looks again. */
export type Confirmed = {
  state: 'done' | 'open' | 'refused';
  hash: string | null;
  block: string | null;
  why: string | null;
  /** Of what was refused. */
  code?: string;
};

/** A transaction that was signed for a deed, in this run or an earlier one, here or elsewhere. */
export interface Known {
  hash: Hex;
  nonce: number;
  from: Address;
  fees: Fees;
  /** Handed over again it is the same transaction. */
  raw: Hex;
  /** The newest block when it was signed. */
  block: bigint | undefined;
}
