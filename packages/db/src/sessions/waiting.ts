import { connectPostgres, type Secret } from '@drydock/kit';
import { withoutValues } from '@drydock/kit/sql';
import type { Client } from 'pg';

/** SQLSTATE lock_not_available: our lock_timeout ran out. */
const LOCK_TIMEOUT = '55P03';

export function isLockTimeout(error: unknown): boolean {
  return (error as { code?: string }).code === LOCK_TIMEOUT;
}

/** A session, or a prepared transaction, that another one waits for. */
export interface Blocker {
  /** 0: a prepared transaction. */
  pid: number;
  text: string;
}

/** Said within three seconds; before that a wait is nothing to talk about. */
const TELL_AFTER_MS = 2_500;
const LOOK_EACH_MS = 5_000;
/** Said again after as long, each time after twice as long, up to the longest. */
const AGAIN_AFTER_MS = 5_000;
const AGAIN_AT_LATEST_MS = 30_000;
/** Of a statement, where somebody else's is told. */
const QUERY_LENGTH = 100;

/**
 * Looks, in a session of its own, whom ours waits for, while it works: nothing is asked of the server as long as the work
 * is short. Who was seen last stays known after PostgreSQL has given the wait up.
 */
export class Waits {
  readonly #url: Secret;
  readonly pid: number;
  #client: Client | undefined;
  last: Blocker[] = [];

  constructor(url: Secret, pid: number) {
    this.#url = url;
    this.pid = pid;
  }

  /** `onWait` is told whom it waits for: at once where that changes, and again and again. */
  async during<T>(
    work: () => Promise<T>,
    { lookAfterMs, onWait }: { lookAfterMs: number; onWait?: ((text: string) => void) | undefined },
  ): Promise<T> {
    this.last = [];
    const started = performance.now();
    const waited = () => performance.now() - started;
    const told = { whom: '', at: 0, again: AGAIN_AFTER_MS };
    let looking: Promise<void> | undefined;
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    const tell = (whom: string, text: string) => {
      const same = whom === told.whom;
      if (same && waited() - told.at < told.again) return;
      onWait?.(text);
      told.again = same ? Math.min(told.again * 2, AGAIN_AT_LATEST_MS) : AGAIN_AFTER_MS;
      [told.whom, told.at] = [whom, waited()];
    };
    const look = async () => {
      try {
        this.last = await this.#blockers();
        if (over) return;
        const whom = this.last.map(({ pid }) => pid).join();
        if (whom && waited() >= TELL_AFTER_MS) tell(whom, `waits for ${describe(this.last)}`);
      } catch (error) {
        // The work does not hang on it.
        tell('?', `whom it waits for could not be asked: ${(error as Error).message}`);
      }
      if (!over) plan(waited() < TELL_AFTER_MS ? TELL_AFTER_MS - waited() : LOOK_EACH_MS);
    };
    const plan = (ms: number) => {
      timer = setTimeout(() => {
        looking = look();
      }, ms);
    };
    plan(Math.min(lookAfterMs, TELL_AFTER_MS));
    try {
      return await work();
    } finally {
      over = true;
      clearTimeout(timer);
      await looking;
    }
  }

  async #blockers(): Promise<Blocker[]> {
    this.#client ??= await connectPostgres(this.#url, 'drydock waits');
    return blockersOf(this.#client, this.pid);
  }

  async close(): Promise<void> {
    await this.#client?.end();
    this.#client = undefined;
  }
}

/** Whom a session waits for right now: PostgreSQL manual, pg_blocking_pids. */
export async function blockersOf(client: Client, pid: number): Promise<Blocker[]> {
  return describeSessions(client, 'SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids($1))', [pid]);
}

/** `pids`: a query for them. Text of one line each: who, what it is doing, since when; of its statement the words, without the values. */
export async function describeSessions(client: Client, pids: string, values: unknown[]): Promise<Blocker[]> {
  const { rows } = await client.query<{ pid: number; who: string; query: string | null }>(
    `SELECT p.pid, concat_ws(', ', nullif(a.application_name, ''), a.usename, coalesce(a.state, nullif(a.backend_type, 'client backend')),
         'for ' || round(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.state_change))) || ' s') AS who, a.query
       FROM (${pids}) AS p(pid) LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid ORDER BY 1`,
    values,
  );
  return Promise.all(
    rows.map(async ({ pid, who, query }) => ({
      pid,
      text:
        pid === 0
          ? 'a prepared transaction (pg_prepared_xacts)'
          : [`pid ${pid} (${who})`, query && (await shownQuery(query))].filter(Boolean).join(': '),
    })),
  );
}

async function shownQuery(query: string): Promise<string> {
  const text = (await withoutValues(query)).replaceAll(/\s+/g, ' ').trim();
  return text.length > QUERY_LENGTH ? `${text.slice(0, QUERY_LENGTH - 1)}…` : text;
}

export function describe(blockers: Blocker[]): string {
  const [first, ...more] = blockers;
  return `${first?.text}${more.length > 0 ? `, and ${more.length} more` : ''}`;
}
