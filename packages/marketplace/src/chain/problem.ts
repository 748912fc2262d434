import { BaseError, ContractFunctionRevertedError, HttpRequestError, TimeoutError } from 'viem';
import { conflict, ProductError } from '../errors.ts';

/** The contract's own error (`AlreadyReleased`), if that is what stopped a call. */
export function revertOf(error: unknown): string | undefined {
  const found = error instanceof BaseError && error.walk((cause) => cause instanceof ContractFunctionRevertedError);
  return found instanceof ContractFunctionRevertedError ? (found.data?.errorName ?? found.shortMessage) : undefined;
}

/** What to tell the person whose request the chain stopped; undefined when the chain has nothing to do with it. */
export function chainProblem(error: unknown): ProductError | undefined {
  const reverted = revertOf(error);
  if (reverted) return conflict(`The contract refuses this (${reverted}).`);
  const away =
    error instanceof BaseError &&
    error.walk((cause) => cause instanceof HttpRequestError || cause instanceof TimeoutError);
  if (away) return new ProductError(503, 'CHAIN_AWAY', 'The chain does not answer; try again in a minute.');
  return undefined;
}
