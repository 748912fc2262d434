import { type Answered, ask, shownAddress } from '@drydock/kit';
import { unknown } from '../../unknown.ts';
import type { RotatorContext } from '../types.ts';
import type { JwtSecret } from './config.ts';

const TIMEOUT_MS = 5_000;
const MOST_BYTES = 8 * 1_048_576;

/** Of all instances; undefined where nothing runs that we have started. One that runs and cannot be asked is UNKNOWN. */
export async function instancesOf(
  { product }: RotatorContext<JwtSecret>,
  what: string,
): Promise<readonly string[] | undefined> {
  const addresses = await product.addresses();
  if (addresses.length > 0) return addresses;
  const running = await product.describe();
  if (running === undefined) return undefined;
  throw unknown(what, `${running} has no address at which we could ask`);
}

/** What an instance says to a token: taken, or refused. Anything else is an OpsError with code UNKNOWN. */
export async function tryToken(
  address: string,
  { path, field, accepted }: JwtSecret['probe'],
  token: string,
  signal: AbortSignal,
): Promise<'taken' | 'refused'> {
  const options = field
    ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ [field]: token }) }
    : { headers: { authorization: `Bearer ${token}` } };
  const answer = await get(address, path, signal, options);
  if (answer.ok || (answer.status < 500 && answer.text.includes(accepted))) return 'taken';
  if (answer.status === 401 || answer.status === 403) return 'refused';
  throw unknown(`Whether ${shownAddress(address)} takes a token`, `${path} answered ${answer.status}`);
}

export interface Published {
  keys: readonly Record<string, unknown>[];
  /** For how long it may be kept; undefined where it does not say. */
  maxAgeSeconds: number | undefined;
}

/** The public keys that an instance publishes. */
export async function readPublished(address: string, path: string, signal: AbortSignal): Promise<Published> {
  const { ok, status, text, headers } = await get(address, path, signal);
  const what = `What ${shownAddress(address)} publishes`;
  if (!ok) throw unknown(what, `${path} answered ${status}`);
  const keys = keysOf(text);
  if (!keys) throw unknown(what, `${path} is no JSON Web Key Set`);
  const [, maxAge] = /(?:^|[\s,])max-age=(\d+)/i.exec(headers.get('cache-control') ?? '') ?? [];
  return { keys, maxAgeSeconds: maxAge === undefined ? undefined : Number(maxAge) };
}

function keysOf(text: string): Record<string, unknown>[] | undefined {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) ? keys.filter((key) => typeof key === 'object' && key !== null) : undefined;
  } catch {
    return undefined;
  }
}

/** The metrics of an instance, and what time it is there. */
export async function readMetrics(
  address: string,
  { path, token }: { path: string; token: string | undefined },
  signal: AbortSignal,
): Promise<{ text: string; nowSeconds: number }> {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await get(address, path, signal, { headers });
  if (!answer.ok) throw unknown(`Which keys ${shownAddress(address)} uses`, `${path} answered ${answer.status}`);
  const there = Date.parse(answer.headers.get('date') ?? '');
  return { text: answer.text, nowSeconds: (Number.isNaN(there) ? Date.now() : there) / 1_000 };
}

async function get(
  address: string,
  path: string,
  signal: AbortSignal,
  options: { headers?: Record<string, string>; body?: string } = {},
): Promise<Answered> {
  try {
    return await ask(new URL(path, address), {
      ...{ timeoutMs: TIMEOUT_MS, mostBytes: MOST_BYTES, signal, ...options },
      // One that was kept may be to an instance of before.
      headers: { ...options.headers, connection: 'close' },
    });
  } catch (error) {
    signal.throwIfAborted();
    throw unknown(`What ${shownAddress(address)} says`, error);
  }
}
