import {
  type Abi,
  BaseError,
  ContractFunctionRevertedError,
  ContractFunctionZeroDataError,
  decodeErrorResult,
  type Hex,
} from 'viem';
import { httpErrorOf, isPassing, reasonOf, rpcErrorOf, wordsOf } from './errors.ts';

/**
 * `EscrowExists(0xAb…)`: the contract's own error by the ABIs known, a reason text, or the raw data; undefined where the
 * error is no revert. Clients agree on neither code, nor words, nor where the data lies.
 */
export function revertOf(error: unknown, abis: Abi[]): string | undefined {
  if (!(error instanceof BaseError)) return undefined;
  const found = hexesOf(error);
  for (const data of found) {
    const named = decodeRevert(data, abis);
    if (named !== undefined) return named;
  }
  const reverted = error.walk((cause) => cause instanceof ContractFunctionRevertedError);
  if (reverted instanceof ContractFunctionRevertedError)
    return reverted.reason ?? reverted.signature ?? 'without a reason';
  const text = textOf(error);
  const reverts = REVERT.test(text) || [3, -32_015].includes(rpcErrorOf(error)?.code ?? 0);
  if (!reverts || isPassing(error)) return undefined;
  return reasonIn(rpcErrorOf(error)?.cause) ?? found.find((data) => data.length >= 10) ?? reasonOf(error);
}

/** The contract itself said no, or has no such function; the node answered. */
export function isRevert(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false;
  return (
    revertOf(error, []) !== undefined || error.walk((cause) => cause instanceof ContractFunctionZeroDataError) !== null
  );
}

/** What virtual machines say where they stop: geth, erigon, Besu, OpenEthereum, Nethermind, hardhat, ganache, zkSync, RSK, Hedera. */
const REVERT =
  /revert|vm (execution|exception)|invalid (opcode|jump|instruction)|bad (instruction|jump)|out of gas|outofgas|stack (under|over)flow|assert(ion)? failed|execution (failed|halted)|call_exception/i;

/** Innermost last; a page of HTML is not read for hexadecimal digits. */
function hexesOf(error: BaseError): Hex[] {
  const reverted = error.walk((cause) => cause instanceof ContractFunctionRevertedError) as { raw?: unknown } | null;
  const said = rpcErrorOf(error)?.cause ?? httpErrorOf(error)?.details;
  return [...hexesIn(reverted?.raw, 0), ...hexesIn(said, 0)];
}

const DEEPEST = 6;
/** Where the data lies, the likeliest first; a stack of a program is none. */
const FIRST = ['data', 'return', 'result', 'output', 'originalError', 'error'];
const NEVER = ['stack', 'code', 'program_counter'];

/** In data, in what is nested in it, and in words such as `Reverted 0x…`. */
function* hexesIn(value: unknown, depth: number): Generator<Hex> {
  if (typeof value === 'string') {
    for (const [hex] of value.matchAll(/0x(?:[0-9a-f]{2}){4,}/gi)) yield hex.toLowerCase() as Hex;
    return;
  }
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return;
  const place = (key: string) => (FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length);
  const entries = Object.entries(value)
    .filter(([key]) => !NEVER.includes(key))
    .sort(([a], [b]) => place(a) - place(b));
  for (const [, inner] of entries) yield* hexesIn(inner, depth + 1);
  // The message of an error is no property that is listed.
  if (value instanceof Error) yield* hexesIn(value.message, depth + 1);
}

/** ganache tells the reason of a `require` beside the data. */
function reasonIn(value: unknown, depth = 0): string | undefined {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return undefined;
  const { reason } = value as { reason?: unknown };
  if (typeof reason === 'string' && reason !== '') return reason;
  for (const inner of Object.values(value)) {
    const found = reasonIn(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function textOf(error: BaseError): string {
  const cause: unknown = rpcErrorOf(error)?.cause;
  return [...wordsOf(error), typeof cause === 'object' && cause !== null ? JSON.stringify(cause) : ''].join(' ');
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
