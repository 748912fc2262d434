import {
  type Answered,
  ask,
  bearer,
  command,
  type Hint,
  hint,
  NoAnswer,
  OpsError,
  type Secret,
  shownAddress,
} from '@drydock/kit';

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
  /** On a connection of its own, so that a balancer of connections chooses anew. */
  alone?: boolean;
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
  const { timeoutMs, token, body, signal } = options;
  const began = Date.now();
  let answer: Answered;
  try {
    answer = await ask(url, {
      ...{ timeoutMs, mostBytes: MOST_BYTES, signal },
      ...(body ? { body } : {}),
      headers: {
        ...(token ? { authorization: bearer(token) } : {}),
        ...(options.alone ? { connection: 'close' } : {}),
      },
    });
  } catch (cause) {
    if (cause instanceof NoAnswer) throw unanswered(cause, url, options);
    throw cause;
  }
  if (!answer.ok && !options.accept?.includes(answer.status)) throw refused(answer.status, url, options);
  const date = Date.parse(answer.headers.get('date') ?? '');
  const ours = (began + Date.now()) / 2;
  const skewSeconds = Number.isNaN(date) ? undefined : (date + 500 - ours) / 1_000;
  return { status: answer.status, text: answer.text, skewSeconds };
}

const WHERE = hint`Is it running, and is the address right? ${command('env:check')} shows where it comes from.`;
const ENDINGS: Record<NoAnswer['kind'], { code: string; hint: Hint; exit?: 2 }> = {
  slow: { code: 'SLOW', hint: WHERE },
  unreachable: { code: 'UNREACHABLE', hint: WHERE },
  elsewhere: {
    code: 'ELSEWHERE',
    hint: hint`Set the address to the one that answers itself: ${command('env:check')} shows where it comes from.`,
    exit: 2,
  },
  'too large': { code: 'TOO_LARGE', hint: 'Has a label too many values? Look for one with an id or an address in it.' },
};

function unanswered(cause: NoAnswer, url: URL, { code, what }: RequestOptions): OpsError {
  const { code: ending, ...rest } = ENDINGS[cause.kind];
  return new OpsError({
    // Both sides are asked in one way: an answer without end has one code.
    code: cause.kind === 'too large' ? 'ANSWER_TOO_LARGE' : `${code}_${ending}`,
    message: `${what} at ${shownAddress(url)} ${cause.message}.`,
    ...rest,
    cause,
  });
}

function refused(status: number, url: URL, { code, what, token, tokenKey }: RequestOptions): OpsError {
  if (status === 401 || status === 403)
    return new OpsError({
      code: `${code}_REFUSED`,
      message: `${what} at ${shownAddress(url)} answered ${status}: ${token ? `it does not take the token of ${token.label}` : 'it wants a token'}.`,
      hint: token
        ? hint`Check ${token.label}: ${command('env:check')}`
        : `Name the variable that holds it: ${tokenKey}`,
      exit: 2,
    });
  if (status === 404)
    return new OpsError({
      code: `${code}_NOT_FOUND`,
      message: `${what} at ${shownAddress(url)} is not there (404).`,
      hint: 'Is its path right? See health.metrics.path and health.prometheus.url in drydock.config.ts.',
      exit: 2,
    });
  return new OpsError({ code: `${code}_FAILED`, message: `${what} at ${shownAddress(url)} answered ${status}.` });
}
