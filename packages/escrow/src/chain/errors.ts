import { EXIT, type Hint, hint, IN_SANDBOX, OpsError, redact } from '@drydock/kit';
import { BaseError, BlockNotFoundError, HttpRequestError, RpcRequestError, TimeoutError, UnknownRpcError } from 'viem';
import type { Target } from '../target.ts';
import { hostOf } from './host.ts';

type Hosts = Pick<Target, 'rpcUrls'>;

/** What the chain could not be asked. It may be another time: whoever waits for something asks again. */
export class ChainError extends OpsError {}

/** An answer that is none: `null` where there is always something, or a text where the protocol has a number. */
export class AnswerMissingError extends BaseError {
  constructor(method: string) {
    super(`${method} was answered with nothing`, { details: `${method} was answered with nothing` });
  }
}

/** Wraps a library error of the chain once, where it is called. Its own text holds URLs, and URLs hold keys. */
export function chainError(target: Hosts, doing: string, cause: unknown): OpsError {
  if (cause instanceof OpsError) return cause;
  const hosts = target.rpcUrls.map((url) => hostOf(url.reveal())).join(', ');
  if (isAway(cause))
    return new ChainError({
      code: 'RPC_UNREACHABLE',
      message: `${doing}: no RPC answers as it should (${hosts}: ${reasonOf(cause)}).`,
      hint: hint`Is it up, and is the variable of chain.rpcUrl right?${IN_SANDBOX}`,
      cause,
    });
  return new ChainError({
    code: 'CHAIN_FAILED',
    message: `${doing}: ${reasonOf(cause)}.`,
    hint: `RPCs asked: ${hosts}.${isPassing(cause) ? ' It may be otherwise in a moment: run it again.' : ''}`,
    cause,
  });
}

/** The RPC is away, overloaded or too slow, or what it says is no answer: another time may do. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false;
  const away = (cause: unknown) =>
    cause instanceof HttpRequestError || cause instanceof TimeoutError || cause instanceof AnswerMissingError;
  // Without a code it is no answer of the protocol: a body of `null`, an error that is a mere text.
  const unknown = error.walk((cause) => cause instanceof UnknownRpcError) !== null && codeOf(error) === undefined;
  return Boolean(error.walk(away)) || unknown;
}

/** The RPC answered, with an error of the protocol: it is up, and does not want this request. */
export function isRefusal(error: unknown): boolean {
  return rpcErrorOf(error) !== undefined;
}

/** The RPC knows no such request, or not with these parameters: asking again is of no use. */
export function isUnsupported(error: unknown): boolean {
  return isRefusal(error) && !isPassing(error);
}

/**
 * It may be otherwise in a moment: the node that answered is behind the one that told of the block, or wants fewer
 * questions. Clients have codes of their own for each, and share words.
 */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false;
  if (isAway(error) || error.walk((cause) => cause instanceof BlockNotFoundError)) return true;
  const why = reasonOf(error);
  // What a contract says of itself is its own.
  if (/revert/i.test(why)) return false;
  return isBusy(error) || BEHIND.test(why) || OVERLOADED.includes(rpcErrorOf(error)?.status ?? 0);
}

/** It wants fewer questions. Not by the code for a limit alone: for spans of events that is another one. */
export function isBusy(error: unknown): boolean {
  const { status } = rpcErrorOf(error) ?? httpErrorOf(error) ?? {};
  return status === 429 || BUSY_CODES.includes(codeOf(error) ?? 0) || BUSY.test(wordsOf(error).join(' '));
}

/** What stands before a node answers so, with an error of the protocol in the body or without. */
const OVERLOADED = [403, 408, 502, 503, 504];

/** QuickNode's and Infura's own for too many questions, and HTTP's in the place of one. */
const BUSY_CODES = [429, -32_007, -32_016];

const BEHIND =
  /header (for hash )?not found|(unknown|missing|could not find|cannot find|no such) (block|header)|block (could )?not (be )?found|BlockOutOfRange|resource not found|block .{0,40}(not (yet )?available|in the future|beyond the (head|latest))|after last accepted block/i;
const BUSY =
  /rate.?limit|too many (requests|connections)|(?<!gas |query |range )limit exceeded|(request|call|usage|quota|capacity|compute units?)\b.{0,30}(limit|exceeded|rate)|\b429\b|throttl|slow down|overloaded|(server|node|backend).{0,20}\bbusy|temporarily unavailable|try again (later|in)/i;

/** What the library and the node said, without addresses of servers. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof BaseError)) return error instanceof Error ? error.message : String(error);
  const http = httpErrorOf(error);
  if (http) return http.status ? `HTTP ${http.status}` : causeCode(http);
  if (error.walk((cause) => cause instanceof TimeoutError)) return 'no answer in time';
  const missing = error.walk((cause) => cause instanceof AnswerMissingError) as AnswerMissingError | null;
  if (missing) return missing.details;
  if (isAway(error)) return 'what came is no answer of the protocol';
  const [words = error.shortMessage] = wordsOf(error);
  return withoutUrls(words).replace(/\.$/, '');
}

/** In the node's own words, the best first. An HTTP answer that is no JSON is in them too. */
export function wordsOf(error: unknown): string[] {
  if (!(error instanceof BaseError)) return [];
  const rpc = rpcErrorOf(error);
  const bare = typeof rpc?.cause === 'string' ? rpc.cause : undefined;
  return [bare, rpc?.details, httpErrorOf(error)?.details, error.details].filter((text) => text !== undefined);
}

/** The error of the protocol, as it came. */
export function rpcErrorOf(error: unknown): RpcRequestError | undefined {
  if (!(error instanceof BaseError)) return undefined;
  return (error.walk((cause) => cause instanceof RpcRequestError) as RpcRequestError | null) ?? undefined;
}

export function httpErrorOf(error: unknown): HttpRequestError | undefined {
  if (!(error instanceof BaseError)) return undefined;
  return (error.walk((cause) => cause instanceof HttpRequestError) as HttpRequestError | null) ?? undefined;
}

function codeOf(error: unknown): number | undefined {
  const code: unknown = rpcErrorOf(error)?.code;
  return typeof code === 'number' ? code : undefined;
}

/** Providers repeat addresses, keys among them: the host of each may be shown. */
function withoutUrls(text: string): string {
  return redact(text).replaceAll(/\b(?:https?|wss?):\/\/[^\s"'<>]+/gi, (url) => URL.parse(url)?.host ?? '…');
}

/** `ECONNREFUSED`, or the innermost words: "fetch failed" tells nothing. */
function causeCode(error: BaseError): string {
  const inner = error.walk() as { code?: string | number; message?: string };
  // Where an answer was expected there is a page, or half of one.
  if (inner instanceof SyntaxError) return 'what came is no JSON';
  return withoutUrls(String(inner.code ?? inner.message));
}

export function refused(code: string, message: string, hint?: Hint): OpsError {
  return new OpsError({ code, message, hint, exit: EXIT.refused });
}
