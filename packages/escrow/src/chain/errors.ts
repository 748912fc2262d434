import { EXIT, type Hint, hint, IN_SANDBOX, OpsError } from '@drydock/kit';
import {
  type Abi,
  BaseError,
  BlockNotFoundError,
  ContractFunctionRevertedError,
  ContractFunctionZeroDataError,
  decodeErrorResult,
  type Hex,
  HttpRequestError,
  RpcRequestError,
  TimeoutError,
} from 'viem';
import type { Target } from '../target.ts';
import { hostOf } from './host.ts';

type Hosts = Pick<Target, 'rpcUrls'>;

/** Wraps a library error of the chain once, where it is called. Its own text holds URLs, and URLs hold keys. */
export function chainError(target: Hosts, doing: string, cause: unknown): OpsError {
  if (cause instanceof OpsError) return cause;
  const hosts = target.rpcUrls.map((url) => hostOf(url.reveal())).join(', ');
  if (isAway(cause))
    return new OpsError({
      code: 'RPC_UNREACHABLE',
      message: `${doing}: no RPC answers as it should (${hosts}: ${reasonOf(cause)}).`,
      hint: hint`Is it up, and is the variable of chain.rpcUrl right?${IN_SANDBOX}`,
      cause,
    });
  return new OpsError({
    code: 'CHAIN_FAILED',
    message: `${doing}: ${reasonOf(cause)}.`,
    hint: `RPCs asked: ${hosts}.`,
    cause,
  });
}

/** The RPC is away, overloaded or too slow: another time may do. */
export function isAway(error: unknown): boolean {
  return (
    error instanceof BaseError &&
    Boolean(error.walk((cause) => cause instanceof HttpRequestError || cause instanceof TimeoutError))
  );
}

/** The RPC answered, with an error: it is up, and does not want this request. */
export function isRefusal(error: unknown): boolean {
  return error instanceof BaseError && Boolean(error.walk((cause) => cause instanceof RpcRequestError));
}

/**
 * It may be otherwise in a moment: the node that answered is behind the one that told of the block, or wants fewer
 * questions. Clients have codes of their own for each, and share words.
 */
export function isPassing(error: unknown): boolean {
  if (isAway(error)) return true;
  if (!(error instanceof BaseError)) return false;
  if (error.walk((cause) => cause instanceof BlockNotFoundError)) return true;
  return PASSING.test(reasonOf(error));
}

const PASSING =
  /header (for hash )?not found|(unknown|missing|could not find|cannot find|no such) (block|header)|block (could )?not (be )?found|BlockOutOfRange|resource not found|rate.?limit|too many requests|limit exceeded|\b429\b/i;

/** What the library and the node said, without addresses of servers. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof BaseError)) return error instanceof Error ? error.message : String(error);
  const http = error.walk((cause) => cause instanceof HttpRequestError) as HttpRequestError | null;
  if (http) return http.status ? `HTTP ${http.status}` : causeCode(http);
  if (error.walk((cause) => cause instanceof TimeoutError)) return 'no answer in time';
  const rpc = error.walk((cause) => cause instanceof RpcRequestError) as RpcRequestError | null;
  return (rpc?.details || error.details || error.shortMessage).replace(/\.$/, '');
}

/** `ECONNREFUSED`, or the innermost words: "fetch failed" tells nothing. */
function causeCode(error: BaseError): string {
  const inner = error.walk() as { code?: string | number; message: string };
  return String(inner.code ?? inner.message);
}

/** `EscrowExists(0xAb…)`: the contract's own error by the ABIs known, a reason text, or the raw data. */
export function revertOf(error: unknown, abis: Abi[]): string | undefined {
  if (!(error instanceof BaseError)) return undefined;
  const reverted = error.walk((cause) => cause instanceof ContractFunctionRevertedError);
  if (reverted instanceof ContractFunctionRevertedError) {
    const raw = reverted.raw ?? reverted.signature;
    return (raw && decodeRevert(raw, abis)) ?? reverted.reason ?? raw ?? 'without a reason';
  }
  const data = dataOf(error);
  if (data) return decodeRevert(data, abis) ?? data;
  return /revert/i.test(error.message) ? reasonOf(error) : undefined;
}

/** The contract itself said no, or has no such function; the node answered. */
export function isRevert(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false;
  const said = error.walk(
    (cause) => cause instanceof ContractFunctionRevertedError || cause instanceof ContractFunctionZeroDataError,
  );
  return Boolean(said);
}

function decodeRevert(data: Hex, abis: Abi[]): string | undefined {
  for (const abi of abis) {
    try {
      const { errorName, args = [] } = decodeErrorResult({ abi, data });
      if (errorName === 'Error' || errorName === 'Panic') return String(args[0]);
      return `${errorName}(${args.map(String).join(', ')})`;
    } catch {
      // Not an error of this contract.
    }
  }
  return undefined;
}

function dataOf(error: BaseError): Hex | undefined {
  const holder = error.walk((cause) => {
    const { data } = cause as { data?: unknown };
    return typeof data === 'string' && /^0x[0-9a-f]{8}/i.test(data);
  }) as { data: Hex } | null;
  return holder?.data;
}

export function refused(code: string, message: string, hint?: Hint): OpsError {
  return new OpsError({ code, message, hint, exit: EXIT.refused });
}
