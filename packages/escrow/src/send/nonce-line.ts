import type { Step, StepResults } from '@drydock/kit';
import type { Signed } from './deed.ts';

/**
 * The nonces that one run has given out. An RPC that lags may not count a transaction that was sent a moment ago; the
 * next one would then take its nonce, and with a higher fee its place.
 */
export class NonceLine {
  readonly #steps: Step<Signed>[] = [];

  /** The steps that sign, in the order in which they run. */
  add(step: Step<Signed>): void {
    this.#steps.push(step);
  }

  /** The nonce after the highest one given out. */
  floor(results: StepResults): number {
    return this.#steps.reduce((floor, step) => {
      const signed = results.ifDone(step);
      return signed?.action === 'send' && signed.nonce !== null ? Math.max(floor, signed.nonce + 1) : floor;
    }, 0);
  }
}
