import { connectPostgres, type Secret } from '@drydock/kit';
import type { Client } from 'pg';

/** A session, or a prepared transaction, that another one waits for. */
export interface Blocker {
  /** 0: a prepared transaction. */
  pid: number;
  text: string;
}

/** Before that a wait is nothing to talk about. */
const TELL_AFTER_MS = 3_000;
const LOOK_EACH_MS = 5_000;

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

  /** `onWait` is told whom it waits for, once for each change. */
  async during<T>(
    work: () => Promise<T>,
    { lookAfterMs, onWait }: { lookAfterMs: number; onWait?: ((text: string) => void) | undefined },
  ): Promise<T> {
    this.last = [];
    const started = performance.now();
    let told = '';
    let looking: Promise<void> | undefined;
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    const tell = (text: string) => {
      if (text !== told) onWait?.(text);
      told = text;
    };
    const look = async () => {
      const waited = () => performance.now() - started;
      try {
        this.last = await this.#blockers();
        if (this.last.length > 0 && waited() >= TELL_AFTER_MS) tell(`waits for ${describe(this.last)}`);
      } catch (error) {
        // The work does not hang on it.
        tell(`whom it waits for could not be asked: ${(error as Error).message}`);
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

/** `pids`: a query for them. Text of one line each: who, what it is doing, since when. */
export async function describeSessions(client: Client, pids: string, values: unknown[]): Promise<Blocker[]> {
  const { rows } = await client.query<Blocker>(
    `SELECT p.pid, CASE WHEN p.pid = 0 THEN 'a prepared transaction (pg_prepared_xacts)' ELSE concat('pid ', p.pid, ' (',
       concat_ws(', ', nullif(a.application_name, ''), a.usename, coalesce(a.state, nullif(a.backend_type, 'client backend')),
         'for ' || round(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.state_change))) || ' s'),
       ')', ': ' || nullif(regexp_replace(left(a.query, 100), '\\s+', ' ', 'g'), '')) END AS text
       FROM (${pids}) AS p(pid) LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid ORDER BY 1`,
    values,
  );
  return rows;
}

export function describe(blockers: Blocker[]): string {
  const [first, ...more] = blockers;
  return `${first?.text}${more.length > 0 ? `, and ${more.length} more` : ''}`;
}
