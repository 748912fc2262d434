import type { Names } from './names.ts';
import { observeLook } from './observe.ts';
import { Processes } from './processes.ts';
import type { Scrape } from './scrape.ts';
import type { Window } from './window.ts';

/** Makes windows of scrapes as they come. */
export class Follower {
  readonly #names: Names;
  readonly #processes: Processes;
  #before: Scrape | undefined;

  constructor(names: Names) {
    this.#names = names;
    this.#processes = new Processes(names);
  }

  /** Whether anything was seen yet. */
  get began(): boolean {
    return this.#before !== undefined;
  }

  /** Undefined for the first scrape, and for one that is no later than the last: somebody has set the clock back. */
  take(scrape: Scrape): Window | undefined {
    const before = this.#before;
    this.#before = scrape;
    const look = this.#processes.look(scrape);
    return before && scrape.at > before.at ? observeLook(before.at, scrape, look, this.#names) : undefined;
  }
}
