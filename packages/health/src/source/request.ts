import { OpsError, type Secret } from '@drydock/kit';

/** More than this is no page of metrics. */
const MOST_BYTES = 32 * 1_048_576;

export interface RequestOptions {
  /** Begins the codes of errors: `METRICS`, `PROMETHEUS`. */
  code: string;
  /** How errors call the other side. */
  what: string;
  timeoutMs: number;
  token: Secret | undefined;
  /** The key of the config that names the token. */
  tokenKey: string;
  body?: URLSearchParams;
  /** Statuses that are an answer all the same. */
  accept?: readonly number[];
  signal?: AbortSignal;
}

export interface Answer {
  status: number;
  text: string;
  /** Seconds by which the other side's clock is ahead; the Date header has whole seconds. */
  skewSeconds: number | undefined;
}

/** One request, and an OpsError for everything that can go wrong with it. */
export async function request(url: URL, options: RequestOptions): Promise<Answer> {
  const { code, what, timeoutMs, token, body, signal } = options;
  const began = Date.now();
  const timeout = AbortSignal.timeout(timeoutMs);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, {
      ...(body ? { method: 'POST', body } : {}),
      headers: token ? { authorization: `Bearer ${token.reveal()}` } : {},
      signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
    });
    text = await readText(answer, what, url);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof OpsError) throw cause;
    throw unreachable(cause, url, options);
  }
  if (!answer.ok && !options.accept?.includes(answer.status)) throw refused(answer.status, url, options);
  const date = Date.parse(answer.headers.get('date') ?? '');
  const ours = (began + Date.now()) / 2;
  return { status: answer.status, text, skewSeconds: Number.isNaN(date) ? undefined : (date + 500 - ours) / 1_000 };

  function unreachable(cause: unknown, { href }: URL, { tokenKey: _, ...rest }: RequestOptions): OpsError {
    const { name, message, cause: inner } = cause as Error & { cause?: { code?: string } };
    const slow = name === 'TimeoutError';
    return new OpsError({
      code: slow ? `${code}_SLOW` : `${code}_UNREACHABLE`,
      message: slow
        ? `${what} at ${href} did not answer within ${rest.timeoutMs} ms.`
        : `${what} at ${href} cannot be reached (${inner?.code ?? message}).`,
      hint: 'Is it running, and is the address right? npm run env:check shows where it comes from.',
      cause,
    });
  }
}

async function readText(answer: Response, what: string, { href }: URL): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES)
      throw new OpsError({
        code: 'ANSWER_TOO_LARGE',
        message: `${what} at ${href} answered with more than ${MOST_BYTES / 1_048_576} MiB.`,
        hint: 'Has a label too many values? Look for one with an id or an address in it.',
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function refused(status: number, { href }: URL, { code, what, token, tokenKey }: RequestOptions): OpsError {
  if (status === 401 || status === 403)
    return new OpsError({
      code: `${code}_REFUSED`,
      message: `${what} at ${href} answered ${status}: ${token ? `it does not take the token of ${token.label}` : 'it wants a token'}.`,
      hint: token ? `Check ${token.label}: npm run env:check` : `Name the variable that holds it: ${tokenKey}`,
      exit: 2,
    });
  if (status === 404)
    return new OpsError({
      code: `${code}_NOT_FOUND`,
      message: `${what} at ${href} is not there (404).`,
      hint: 'Is its path right? See health.metrics.path and health.prometheus.url in drydock.config.ts.',
      exit: 2,
    });
  return new OpsError({ code: `${code}_FAILED`, message: `${what} at ${href} answered ${status}.` });
}
