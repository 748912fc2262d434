import type { Environment, LoadedConfig } from '@drydock/kit';
import type { PartResult } from './endpoint.ts';
import { timed } from './queries.ts';

/** Every node answers, is on the chain that is meant, and has a block. */
export async function probeChain({ chain, health }: LoadedConfig, environment: Environment): Promise<PartResult[]> {
  const urls = chain && environment.get(chain.rpcUrl);
  if (!urls) return [];
  const all = urls.split(',').map((url) => url.trim());
  return Promise.all(
    all.map((url) =>
      timed(all.length === 1 ? 'chain' : `chain ${URL.parse(url)?.host ?? url}`, async () => {
        const chainId = Number(await call(url, 'eth_chainId', health.timeoutMs));
        if (chainId !== chain.chainId) return `is chain ${chainId}, expected ${chain.chainId}`;
        await call(url, 'eth_blockNumber', health.timeoutMs);
        return undefined;
      }),
    ),
  );
}

async function call(url: string, method: string, timeoutMs: number): Promise<string> {
  // A node's address may carry a key: it is not to be seen in an error.
  const host = URL.parse(url)?.host;
  if (!host) throw new Error('its address is none');
  let answer: { result?: string; error?: { message?: string } };
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    answer = (await response.json()) as typeof answer;
  } catch (cause) {
    const { name, message, cause: inner } = cause as Error & { cause?: { code?: string } };
    if (name === 'TimeoutError') throw new Error(`${host} did not answer within ${timeoutMs} ms`);
    throw new Error(`${host} cannot be reached (${inner?.code ?? message})`);
  }
  if (answer.result !== undefined) return answer.result;
  throw new Error(`${host} answers ${method} with an error: ${answer.error?.message ?? 'none named'}`);
}
