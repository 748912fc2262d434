import { ask, chainSection, type Environment, type LoadedConfig, NoAnswer } from '@drydock/kit';
import { healthSection } from '../config/health.ts';
import type { PartResult } from './endpoint.ts';
import { timed } from './queries.ts';

/** Two numbers are a few bytes. */
const MOST_BYTES = 1_048_576;

/** Every node answers, is on the chain that is meant, and has a block. */
export async function probeChain(config: LoadedConfig, environment: Environment): Promise<PartResult[]> {
  const chain = chainSection.of(config);
  const { timeoutMs } = healthSection.of(config);
  const urls = chain && environment.get(chain.rpcUrl);
  if (!urls) return [];
  const all = urls.split(',').map((url) => url.trim());
  return Promise.all(
    all.map((url) =>
      timed(all.length === 1 ? 'chain' : `chain ${URL.parse(url)?.host ?? '?'}`, async () => {
        const chainId = Number(await call(url, 'eth_chainId', timeoutMs));
        if (chainId !== chain.chainId) return `is chain ${chainId}, expected ${chain.chainId}`;
        await call(url, 'eth_blockNumber', timeoutMs);
        return undefined;
      }),
    ),
  );
}

async function call(url: string, method: string, timeoutMs: number): Promise<string> {
  // A node's address may carry a key: it is not to be seen in an error.
  const host = URL.parse(url)?.host;
  if (!host) throw new Error('its address is none');
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] });
  const headers = { 'content-type': 'application/json' };
  const answered = await ask(url, { timeoutMs, mostBytes: MOST_BYTES, headers, body }).catch((cause) => {
    throw cause instanceof NoAnswer ? new Error(`${host} ${cause.message}`) : cause;
  });
  const answer = readAnswer(answered.text);
  if (!answer) throw new Error(`${host} answered ${answered.status} with what is no JSON-RPC`);
  if (answer.result !== undefined) return answer.result;
  throw new Error(`${host} answers ${method} with an error: ${answer.error?.message ?? 'none named'}`);
}

function readAnswer(text: string): { result?: string; error?: { message?: string } } | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null ? answer : undefined;
  } catch {
    return undefined;
  }
}
