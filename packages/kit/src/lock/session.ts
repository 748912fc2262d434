import type { Client } from 'pg';
import type { OpsError } from '../errors.ts';
import { destroySession, keepSession } from '../open-sessions.ts';
import { writeIdentity } from './identity.ts';
import { lostError } from './refusal.ts';
import type { OperationsLock } from './types.ts';

/** First key of the advisory lock, so that it meets no lock of the product; the bytes of "DRYD". */
export const LOCK_SPACE = 0x44525944;
export const LOCK_KEY = 1;

/** A connection that does not answer for this long is lost, whatever the operating system still thinks of it. */
const ANSWER_WITHIN_MS = 10_000;

/** The advisory lock of one session (PostgreSQL manual, 13.3.5): it ends with the session. */
export class SessionLock implements OperationsLock {
  readonly kind = 'database';
  readonly #client: Client;
  readonly #meant: { product: string; environment: string };
  readonly #writable: boolean;
  #state: 'held' | 'lost' | 'released' = 'held';
  #listeners: ((error: OpsError) => void)[] = [];

  /** `writable`: the database takes writes. */
  constructor(client: Client, meant: { product: string; environment: string }, writable: boolean) {
    this.#writable = writable;
    this.#client = client;
    this.#meant = meant;
    keepSession(client);
    client.on('end', () => this.#lose());
  }

  async assertHeld(): Promise<void> {
    if (this.#state === 'held' && !(await this.#isThere())) this.#lose();
    if (this.#state !== 'held') throw lostError(this.#meant.environment);
  }

  async claim(): Promise<void> {
    if (this.#writable) await writeIdentity(this.#client, this.#meant);
  }

  session(): Client | undefined {
    return this.#state === 'held' && this.#writable ? this.#client : undefined;
  }

  onLost(listener: (error: OpsError) => void): void {
    this.#listeners.push(listener);
  }

  async release(): Promise<void> {
    if (this.#state !== 'held') return;
    this.#state = 'released';
    // The session's end frees the advisory lock; the row then names nobody who holds it.
    await this.#client.end();
  }

  /** Asks the server; a connection of which only our half is left does not answer. */
  async #isThere(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((done) => {
      timer = setTimeout(() => done(false), ANSWER_WITHIN_MS);
    });
    const asked = this.#client
      .query({
        // Planned once: each step asks it.
        name: 'drydock_is_held',
        text: `SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND pid = pg_backend_pid() AND granted`,
        values: [LOCK_SPACE, LOCK_KEY],
      })
      .then(
        ({ rowCount }) => rowCount !== 0,
        () => false,
      );
    try {
      return await Promise.race([asked, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #lose(): void {
    if (this.#state !== 'held') return;
    this.#state = 'lost';
    for (const listener of this.#listeners) listener(lostError(this.#meant.environment));
    // Not ended: that would wait for an answer as well.
    destroySession(this.#client);
  }
}
