import type { StepResults } from '@drydock/kit';
import type { Signed } from './deed.ts';

/**
 * The nonces that one run has given out. An RPC that lags may not count a transaction that was sent a moment ago; the
 * next one would then take its nonce, and with a higher fee its place.
 */
export class NonceLine {
  readonly #steps: string[] = [];

  /** Names of `sign` steps, in the order in which they run. */
  add(step: string): void {
    this.#steps.push(step);
  }

  /** The nonce after the highest one given out. */
  floor(results: StepResults): number {
    return this.#steps.reduce((floor, step) => {
      const signed = results.has(step) ? results.get<Signed>(step) : undefined;
      return signed?.action === 'send' && signed.nonce !== null ? Math.max(floor, signed.nonce + 1) : floor;
    }, 0);
  }
}
