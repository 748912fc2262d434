import { setTimeout as sleep } from 'node:timers/promises';
import { withPostgres } from '@drydock/kit';
import { type Address, BaseError, type Hex, isAddressEqual, MethodNotFoundRpcError } from 'viem';
import type { Reader } from '../chain/client.ts';
import { chainError } from '../chain/errors.ts';
import { suggest } from '../chain/fees.ts';
import { deepBelow, type Head, headOf, isStill } from '../chain/head.ts';
import { countWaiting, hashIn, viewTransaction } from '../chain/transactions.ts';
import type { Target } from '../target.ts';
import type { Live, Situation } from './decide.ts';
import type { Deed, Known } from './deed.ts';
import { sentBefore } from './earlier.ts';
import { fateOf, type Rivals } from './fate.ts';
import { noncesOf } from './ledger.ts';

export interface Observing {
  target: Target;
  reader: Reader;
  account: Address;
  cap: bigint;
  floor: number;
}

const LOOKS = 3;

/** Reads what `decide` needs, all of it at one block. */
export async function observe(observing: Observing, deed: Deed): Promise<Situation> {
  const { target, reader } = observing;
  try {
    for (let look = 1; look <= LOOKS; look++) {
      const head = await headOf(reader);
      const situation = await observeAt(observing, deed, head);
      if (await isStill(reader, head)) return situation;
      await sleep(target.chain.pollMs);
    }
  } catch (cause) {
    throw chainError(target, `It cannot be seen what became of ${deed.what}`, cause);
  }
  const cause = new Error('the newest block changes while it is read');
  throw chainError(target, `It cannot be seen what became of ${deed.what}`, cause);
}

async function observeAt(
  { target, reader, account, cap, floor }: Observing,
  deed: Deed,
  head: Head,
): Promise<Situation> {
  const [done, latest, waiting, known, recalled] = await Promise.all([
    deed.isDone(reader, head.number),
    reader.getTransactionCount({ address: account, blockNumber: head.number }),
    countWaiting(reader, account),
    sentBefore(target, deed.key),
    deed.recall(),
  ]);
  const nonce = { latest, pending: Math.max(latest, waiting ?? (await nextFree({ target, account, latest }))) };
  const { baseFee } = head;
  const [tip, gasPrice] =
    baseFee === null ? [0n, await reader.getGasPrice()] : [await reader.estimateMaxPriorityFeePerGas(), 0n];
  const live = done
    ? undefined
    : await findLive({ target, reader, account, deed, head, nonce, known, hash: hashIn(recalled.hash) });
  return {
    done,
    account,
    live,
    nonce,
    baseFee,
    suggested: suggest(baseFee, tip, gasPrice),
    cap,
    floor,
    head: head.number,
    recalled,
    knew: known.map(({ hash }) => hash),
  };
}

interface Search {
  target: Target;
  reader: Reader;
  account: Address;
  deed: Deed;
  head: Head;
  nonce: Situation['nonce'];
  known: Known[];
  /** What the product remembers. */
  hash: Hex | undefined;
}

/** Where the chain does not count what waits: the nonce after those that tasks have sent, as far as they follow each other. */
async function nextFree({
  target,
  account,
  latest,
}: Pick<Observing, 'target' | 'account'> & { latest: number }): Promise<number> {
  const taken = await withPostgres(target.databaseUrl, 'drydock escrow', (client) => noncesOf(client, account, latest));
  let free = latest;
  while (taken.has(free)) free++;
  return free;
}

/**
 * The transaction that may still do it. Looked for among those that any run has sent, where the product remembers it, and
 * in the mempool of the account, in case all of them have lost it.
 */
async function findLive(search: Search): Promise<Live | undefined> {
  const found: Live[] = [];
  for (const rivals of byNonce(search.known)) found.push(...(await ours(search, rivals)));
  const { hash, known } = search;
  if (hash !== undefined && !known.some((one) => one.hash === hash)) found.push(...(await products(search, hash)));
  const best = ORDER.flatMap((state) => found.filter((one) => one.state === state))[0];
  if (best && best.state !== 'lost') return best;
  if (search.nonce.pending <= search.nonce.latest) return undefined;
  return (await findInMempool(search)) ?? ((await isExplained(search)) ? undefined : best);
}

/** One that is mined is waited for before anything else is done; of several that may be, the lowest nonce comes first. */
const ORDER = ['mined', 'waits', 'hidden', 'lost'] as const;

function byNonce(known: Known[]): Known[][] {
  const groups = Map.groupBy(known, ({ from, nonce }) => `${nonce} ${from.toLowerCase()}`);
  return [...groups.values()].sort(([a], [b]) => (a?.nonce ?? 0) - (b?.nonce ?? 0));
}

async function ours(
  { target, reader, head, deed: { undoable } }: Search,
  [newest, ...older]: Known[],
): Promise<Live[]> {
  if (!newest) return [];
  const fate = await fateOf(
    reader,
    { ...rivalsOf([newest, ...older]), undoable },
    {
      head: head.number,
      deep: deepBelow(target, head.number),
    },
  );
  return fate === 'spent' ? [] : [{ state: fate, ...newest }];
}

/** Of one nonce, newest first. */
export function rivalsOf(known: Known[]): Rivals {
  const [newest] = known as [Known];
  const since = known.some(({ block }) => block === undefined)
    ? undefined
    : known.reduce<bigint | undefined>(
        (low, { block }) => (low === undefined || (block ?? 0n) < low ? block : low),
        undefined,
      );
  return { from: newest.from, nonce: newest.nonce, hashes: known.map(({ hash }) => hash), since };
}

async function products({ target, reader, deed, head }: Search, hash: Hex): Promise<Live[]> {
  const { state, blockNumber, ...view } = await viewTransaction(reader, hash);
  if (state === 'dropped') return [{ state: 'lost', hash }];
  if (!isFor(view, deed)) return [];
  const { nonce, from, fees } = view;
  const one = { hash, nonce, from, fees };
  if (state === 'pending') return [{ state: 'waits', ...one }];
  const spent = state === 'reverted' && blockNumber !== undefined && blockNumber <= deepBelow(target, head.number);
  return spent ? [] : [{ state: 'mined', ...one }];
}

function isFor(
  { to, data, value }: { to: Address | null | undefined; data: Hex | undefined; value: bigint | undefined },
  { call }: Deed,
): boolean {
  return Boolean(to && isAddressEqual(to, call.to)) && data === call.data && value === call.value;
}

async function findInMempool({ reader, account, deed }: Search): Promise<Live | undefined> {
  for (const hash of (await mempoolOf(reader, account)) ?? []) {
    const { state, ...seen } = await viewTransaction(reader, hash);
    if (state !== 'pending' || !isFor(seen, deed)) continue;
    return { state: 'waits', hash, nonce: seen.nonce, from: seen.from, fees: seen.fees };
  }
  return undefined;
}

/** Is it known what waits at each nonce that is counted and not mined? Otherwise one may be what the product remembers. */
async function isExplained({ target, reader, account, nonce }: Search): Promise<boolean> {
  if ((await mempoolOf(reader, account)) !== undefined) return true;
  const taken = await withPostgres(target.databaseUrl, 'drydock escrow', (client) =>
    noncesOf(client, account, nonce.latest),
  );
  return Array.from({ length: nonce.pending - nonce.latest }, (_, i) => nonce.latest + i).every((one) =>
    taken.has(one),
  );
}

type Pool = Record<string, { hash: Hex }>;

/** Nodes that show their mempool are asked; anvil knows the older method alone. Undefined: it shows none. */
async function mempoolOf(reader: Reader, from: Address): Promise<Hex[] | undefined> {
  const ask = reader.request as (args: { method: string; params: unknown[] }) => Promise<unknown>;
  try {
    const { pending } = (await ask({ method: 'txpool_contentFrom', params: [from] })) as { pending?: Pool };
    return hashesOf(pending);
  } catch (error) {
    if (!(error instanceof BaseError && error.walk((cause) => cause instanceof MethodNotFoundRpcError)))
      return undefined;
  }
  const all = ask({ method: 'txpool_content', params: [] }) as Promise<{ pending?: Record<string, Pool> } | undefined>;
  const content = await all.catch(() => undefined);
  if (!content) return undefined;
  return Object.entries(content.pending ?? {}).flatMap(([sender, pool]) =>
    sender.toLowerCase() === from.toLowerCase() ? hashesOf(pool) : [],
  );
}

const hashesOf = (pool: Pool = {}) => Object.values(pool).map(({ hash }) => hash);
