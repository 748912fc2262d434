const MOST_REDIRECTS = 5;

export interface AskOptions {
  timeoutMs: number;
  /** More is no answer of the kind that is asked for. */
  mostBytes: number;
  headers?: Record<string, string>;
  /** By itself GET, and POST with a body. */
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: string | URLSearchParams;
  signal?: AbortSignal | undefined;
}

export interface Answered {
  status: number;
  ok: boolean;
  headers: Headers;
  text: string;
}

/** Why there is no answer. Its message is the end of "HOST …", and shows of an address at most its host. */
export class NoAnswer extends Error {
  readonly kind: 'slow' | 'unreachable' | 'too large' | 'elsewhere';

  constructor(kind: NoAnswer['kind'], message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

/**
 * One request of an operator's tool, as opposed to a browser's: a user and password in the address become a header (fetch itself refuses them), a
 * redirect to another origin is told and not followed, and an answer without end is not read to its end. Throws NoAnswer.
 */
export async function ask(address: string | URL, options: AskOptions): Promise<Answered> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([timeout, options.signal]) : timeout;
  const { url, headers } = withoutUser(new URL(address));
  try {
    const answer = await follow(url, { ...options, headers: { ...headers, ...options.headers }, signal });
    const text = await readAtMost(answer, options.mostBytes);
    return { status: answer.status, ok: answer.ok, headers: answer.headers, text };
  } catch (cause) {
    options.signal?.throwIfAborted();
    if (cause instanceof NoAnswer) throw cause;
    if ((cause as Error).name === 'TimeoutError')
      throw new NoAnswer('slow', `did not answer within ${options.timeoutMs} ms`, cause);
    throw new NoAnswer('unreachable', `cannot be reached (${reasonOf(cause)})`, cause);
  }
}

/** As much of an address as may be shown: what is behind its host may be a key. */
export function shownAddress(address: string | URL): string {
  const url = URL.parse(String(address));
  return url?.host ? `${url.protocol}//${url.host}` : 'an address that is none';
}

async function follow(first: URL, { body, headers, signal, method }: AskOptions): Promise<Response> {
  let url = first;
  for (let redirects = 0; ; redirects++) {
    const answer = await fetch(url, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      ...(body === undefined ? {} : { body }),
      ...{ headers: headers ?? {}, redirect: 'manual', signal: signal ?? null },
    });
    const to = answer.status >= 300 && answer.status < 400 ? answer.headers.get('location') : null;
    if (to === null) return answer;
    await answer.body?.cancel();
    const next = URL.parse(to, url.href);
    if (!next || !isSameOrigin(first, next))
      throw new NoAnswer('elsewhere', `leads elsewhere, to ${next ? shownAddress(next) : 'what is no address'}`);
    if (redirects >= MOST_REDIRECTS) throw new NoAnswer('elsewhere', `redirects more than ${MOST_REDIRECTS} times`);
    url = next;
  }
}

/** The same host with TLS is the same. */
function isSameOrigin(a: URL, b: URL): boolean {
  if (a.origin === b.origin) return true;
  return (
    a.hostname === b.hostname && a.protocol === 'http:' && b.protocol === 'https:' && a.port === '' && b.port === ''
  );
}

function withoutUser(url: URL): { url: URL; headers: Record<string, string> } {
  if (!url.username && !url.password) return { url, headers: {} };
  const [user, password] = [url.username, url.password].map((one) => decodeIfAny(one));
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return { url: bare, headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } };
}

function decodeIfAny(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function readAtMost(answer: Response, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop ends the transfer.
    if (bytes > mostBytes) throw new NoAnswer('too large', `answered with more than ${sizeOf(mostBytes)}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function sizeOf(bytes: number): string {
  return bytes >= 1_048_576 ? `${bytes / 1_048_576} MiB` : `${bytes / 1_024} KiB`;
}

/** A code, or a few words: messages of fetch and undici have whole addresses in them. */
function reasonOf(thrown: unknown): string {
  const { cause, message } = thrown as Error & { cause?: Error & { code?: string } };
  return cause?.code ?? withoutAddresses(cause?.message ?? message);
}

/** A message of a library, with no more of an address than its host. */
export function withoutAddresses(message: string): string {
  return message.replace(/\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]+/gi, (address) => shownAddress(address));
}
