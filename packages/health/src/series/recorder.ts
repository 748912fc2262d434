import { addWindows, type Window } from '../metrics/window.ts';
import { MINUTE_MS, type Minute } from './store.ts';

/** A window longer than this has a hole in it: the machine slept, or the product was away. */
const LONGEST_MS = 5 * MINUTE_MS;

/** Puts windows together to minutes. A minute is written with each of its windows, so that a kill costs nothing. */
export class Recorder {
  readonly #put: (minute: Minute) => void;
  #current: Minute | undefined;

  constructor(put: (minute: Minute) => void) {
    this.#put = put;
  }

  add(window: Window, version: string | undefined): void {
    if (window.to - window.from > LONGEST_MS) return;
    // A window belongs to the minute it ends in.
    const at = Math.floor((window.to - 1) / MINUTE_MS) * MINUTE_MS;
    const same = this.#current?.at === at && this.#current.version === version;
    this.#current = { at, version, window: same && this.#current ? addWindows(this.#current.window, window) : window };
    this.#put(this.#current);
  }
}
