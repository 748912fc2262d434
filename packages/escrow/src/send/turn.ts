import { command, connectPostgres, hint, OpsError } from '@drydock/kit';
import type { Client } from 'pg';
import type { Target } from '../target.ts';

/** Longest that the product may keep us waiting: its worker holds the turn for as long as it awaits a receipt. */
const PATIENCE_MS = 90_000;

/**
 * The product's own turn for sending from the account (an advisory lock in its database): while it is ours, no worker
 * takes the nonce that we sign for. It ends with its session, so a kill never leaves it behind.
 */
export class Turn {
  readonly #target: Pick<Target, 'databaseUrl' | 'escrow'>;
  #session: Client | undefined;

  constructor(target: Pick<Target, 'databaseUrl' | 'escrow'>) {
    this.#target = target;
  }

  /** False if it is ours already, or the product takes none. */
  async take(): Promise<boolean> {
    const { sendLock } = this.#target.escrow;
    if (sendLock === null || this.#session) return false;
    const session = await connectPostgres(this.#target.databaseUrl, 'drydock escrow turn');
    try {
      await session.query(`SET lock_timeout = ${PATIENCE_MS}`);
      await session.query('SELECT pg_advisory_lock($1)', [sendLock]);
      this.#session = session;
      return true;
    } catch (cause) {
      await session.end();
      if ((cause as { code?: string }).code !== '55P03') throw cause;
      throw new OpsError({
        code: 'PRODUCT_SENDS',
        message: `The product has been sending from the same account for ${PATIENCE_MS / 1_000} s (advisory lock ${sendLock}).`,
        hint: hint`Its worker waits for a transaction: ${command('escrow:status')} shows which. Stop the worker, or raise that transaction's fee with ${command('escrow:retry', { job: 'JOB' })}`,
        cause,
      });
    }
  }

  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.end();
  }
}
