import { connectPostgres, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { type MigrationSession, openMigrations } from '../migrations/apply.ts';
import { isApplied } from '../migrations/history.ts';
import { LOOK_WAIT_MS } from '../sessions/looking.ts';

/**
 * The two sessions that the steps of a deploy share: one applies, one looks whether it took. Opening them costs as much
 * as a small migration does, and a new environment has hundreds. An error closes both: a session that stayed open would
 * keep the lock of Prisma's engine.
 */
export class DeploySessions {
  readonly #url: Secret;
  #applying: MigrationSession | undefined;
  #looking: Client | undefined;

  constructor(url: Secret) {
    this.#url = url;
  }

  async apply<T>(use: (session: MigrationSession) => Promise<T>): Promise<T> {
    try {
      this.#applying ??= await openMigrations(this.#url);
      return await use(this.#applying);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async isApplied(name: string): Promise<boolean> {
    try {
      if (!this.#looking) {
        this.#looking = await connectPostgres(this.#url, 'drydock db:deploy');
        await this.#looking.query(`SET lock_timeout = ${LOOK_WAIT_MS}`);
      }
      return await isApplied(this.#looking, name);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const [applying, looking] = [this.#applying, this.#looking];
    this.#applying = this.#looking = undefined;
    await Promise.all([applying?.close(), looking?.end()]);
  }
}
