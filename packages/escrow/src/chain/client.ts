import { createPublicClient, defineChain, fallback, http, type PublicClient, type Transport } from 'viem';
import type { Target } from '../target.ts';
import { hostOf } from './host.ts';
import { patient } from './patience.ts';

export type Reader = PublicClient;

const RANK_MS = 4_000;

/** Reads through all RPCs: the next is asked when one fails; the fastest and steadiest come first. */
export function createReader({ chain, rpcUrls }: Pick<Target, 'chain' | 'rpcUrls'>): Reader {
  const transports = rpcUrls.map((url) => transportOf(url, chain));
  let used = Date.now();
  // Ranking has no end of its own: it waits for ever, and holds nothing, once the reader was not used between two samples.
  const ping = ({ transport }: { transport: ReturnType<Transport> }) =>
    Date.now() - used > RANK_MS ? new Promise<void>(() => {}) : transport.request({ method: 'net_listening' });
  const transport = fallback(transports, { rank: transports.length > 1 && { interval: RANK_MS, ping } });
  const reader = createPublicClient({
    chain: describeChain(chain.chainId),
    transport,
    pollingInterval: chain.pollMs,
    // What was asked a moment ago is not what is so now.
    cacheTime: 0,
  });
  reader.transport.onResponse(() => {
    used = Date.now();
  });
  return reader as Reader;
}

/** A client per RPC, with no fallback: for asking whether they agree. */
export function createReaders({
  chain,
  rpcUrls,
}: Pick<Target, 'chain' | 'rpcUrls'>): { host: string; reader: Reader }[] {
  return rpcUrls.map((url) => ({
    host: hostOf(url.reveal()),
    reader: createPublicClient({
      transport: fallback([transportOf(url, chain)]),
      cacheTime: 0,
    }) as Reader,
  }));
}

function transportOf(url: Target['rpcUrls'][number], { timeoutMs }: Target['chain']): Transport {
  return patient(http(url.reveal(), { timeout: timeoutMs, retryCount: 3 }));
}

function describeChain(id: number) {
  return defineChain({
    id,
    name: `chain ${id}`,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [] } },
  });
}
