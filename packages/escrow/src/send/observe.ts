import { type Address, BaseError, type Hex, isAddressEqual, MethodNotFoundRpcError } from 'viem';
import type { Reader } from '../chain/client.ts';
import { type TransactionView, viewTransaction } from '../chain/transactions.ts';
import type { Situation } from './decide.ts';
import type { Deed } from './deed.ts';
import { type Known, signedBefore } from './earlier.ts';
import { suggest } from './fees.ts';

/** How many of a deed's earlier transactions are looked at, the newest first. */
const LOOKED_AT = 8;

/** Reads what `decide` needs. */
export async function observe(
  reader: Reader,
  deed: Deed,
  { root, account, cap, floor }: { root: string; account: Address; cap: bigint; floor: number },
): Promise<Situation> {
  const [done, latest, pending, block] = await Promise.all([
    deed.isDone(reader),
    reader.getTransactionCount({ address: account }),
    reader.getTransactionCount({ address: account, blockTag: 'pending' }),
    reader.getBlock(),
  ]);
  const baseFee = block.baseFeePerGas;
  const nonce = { latest, pending: Math.max(latest, pending) };
  const [tip, gasPrice] =
    baseFee === null ? [0n, await reader.getGasPrice()] : [await reader.estimateMaxPriorityFeePerGas(), 0n];
  return {
    done,
    account,
    sent: done ? undefined : await newestSent(reader, deed, { root, account, nonce }),
    nonce,
    baseFee,
    suggested: suggest(baseFee, tip, gasPrice),
    cap,
    floor,
  };
}

/**
 * The transaction that matters: one that waits before any other. Looked for where the product remembers it, in the
 * journals of this checkout, and in the mempool of the account, in case both have lost it.
 */
async function newestSent(
  reader: Reader,
  deed: Deed,
  { root, account, nonce }: { root: string; account: Address; nonce: Situation['nonce'] },
): Promise<TransactionView | undefined> {
  const known = signedBefore(root, deed.key).slice(0, LOOKED_AT);
  const recalled = await deed.recall();
  const hashes = [...new Set([...known.map(({ hash }) => hash), ...(recalled ? [recalled] : [])])];
  const views = await Promise.all(hashes.map((hash) => view(reader, hash, known)));
  const waiting = views.find((one) => one.state === 'pending' && isFor(one, deed));
  if (waiting) return waiting;
  if (nonce.pending > nonce.latest) {
    const found = await findInMempool(reader, account, deed);
    if (found) return found;
  }
  return views.find(({ state }) => state === 'dropped') ?? views[0];
}

async function view(reader: Reader, hash: Hex, known: Known[]): Promise<TransactionView> {
  const ours = known.find((one) => one.hash === hash);
  const seen = await viewTransaction(reader, hash, ours);
  return { ...seen, fees: seen.fees ?? ours?.fees };
}

function isFor({ to, data, value }: Pick<TransactionView, 'to' | 'data' | 'value'>, { call }: Deed): boolean {
  return Boolean(to && isAddressEqual(to, call.to)) && data === call.data && value === call.value;
}

async function findInMempool(reader: Reader, from: Address, deed: Deed): Promise<TransactionView | undefined> {
  for (const hash of await mempoolOf(reader, from)) {
    const seen = await viewTransaction(reader, hash);
    if (seen.state === 'pending' && isFor(seen, deed)) return seen;
  }
  return undefined;
}

type Pool = Record<string, { hash: Hex }>;

/** Nodes that show their mempool are asked; anvil knows the older method alone. Others say no, and that is fine. */
async function mempoolOf(reader: Reader, from: Address): Promise<Hex[]> {
  const ask = reader.request as (args: { method: string; params: unknown[] }) => Promise<unknown>;
  try {
    const { pending } = (await ask({ method: 'txpool_contentFrom', params: [from] })) as { pending?: Pool };
    return hashesOf(pending);
  } catch (error) {
    if (!(error instanceof BaseError && error.walk((cause) => cause instanceof MethodNotFoundRpcError))) return [];
  }
  const all = ask({ method: 'txpool_content', params: [] }) as Promise<{ pending?: Record<string, Pool> }>;
  const { pending = {} } = await all.catch(() => ({ pending: {} }));
  return Object.entries(pending).flatMap(([sender, pool]) =>
    sender.toLowerCase() === from.toLowerCase() ? hashesOf(pool) : [],
  );
}

const hashesOf = (pool: Pool = {}) => Object.values(pool).map(({ hash }) => hash);
