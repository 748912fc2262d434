import type { Names } from './names.ts';
import { observe } from './observe.ts';
import type { Scrape } from './scrape.ts';
import type { Window } from './window.ts';

/** Makes windows of scrapes as they come. */
export class Follower {
  readonly #names: Names;
  #before: Scrape | undefined;

  constructor(names: Names) {
    this.#names = names;
  }

  /** Whether anything was seen yet. */
  get began(): boolean {
    return this.#before !== undefined;
  }

  /** Undefined for the first scrape, and for one that is no later than the last: somebody has set the clock back. */
  take(scrape: Scrape): Window | undefined {
    const before = this.#before;
    this.#before = scrape;
    return before && scrape.at > before.at ? observe(before, scrape, this.#names) : undefined;
  }
}
