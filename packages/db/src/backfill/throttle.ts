import type { Client } from 'pg';
import { loadBetween, readCounters, type StatementCounters } from '../load/p95.ts';

/** How much a backfill may be felt. */
export type Limits = {
  /** Longest a standby may lie behind. */
  maxLagMs: number;
  /** Longest that 95 of 100 statements of others may take in the mean. */
  maxP95Ms: number;
};

/** Why to wait now, in a few words; undefined to go on. */
export type Reason = string | undefined;

const STATEMENTS_EACH_MS = 3_000;
/** Fewer calls say nothing. */
const ENOUGH_CALLS = 20;
/** How long what a server's WAL had reached is remembered. */
const REMEMBERED = 600;

/** Looks, between two batches, at the standbys and at the statements of others. */
export class Throttle {
  readonly #client: Client;
  readonly #limits: Limits;
  /** What the WAL had reached, and when: a standby that has not come to one of these lies behind by its age. */
  #marks: { at: number; lsn: number }[] = [];
  #counters: { at: number; statements: StatementCounters } | undefined;
  #slow: Reason;

  constructor(client: Client, limits: Limits) {
    this.#client = client;
    this.#limits = limits;
  }

  async reason(): Promise<Reason> {
    return (await this.#behind()) ?? (await this.#slowly());
  }

  async #behind(): Promise<Reason> {
    const { maxLagMs } = this.#limits;
    const { rows } = await this.#client.query<{ now: number; name: string; at: number | null; lag: number | null }>(
      `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS now, coalesce(nullif(application_name, ''), client_addr::text, 'pid ' || pid) AS name,
              pg_wal_lsn_diff(replay_lsn, '0/0')::float8 AS at, (extract(epoch FROM replay_lag) * 1000)::float8 AS lag
         FROM pg_stat_replication WHERE state IN ('streaming', 'catchup')`,
    );
    const now = performance.now();
    const [first] = rows;
    if (!first) return undefined;
    this.#marks = [...this.#marks, { at: now, lsn: first.now }].slice(-REMEMBERED);
    const lags = rows.map(({ name, at, lag, now: lsn }) => ({ name, ms: this.#lagOf({ at, lag, lsn }, now) }));
    const worst = lags.toSorted((a, b) => b.ms - a.ms)[0];
    if (!worst || worst.ms <= maxLagMs) return undefined;
    return `the standby ${worst.name} lies ${seconds(worst.ms)} behind (at most ${seconds(maxLagMs)})`;
  }

  /** By what we noted of the WAL ourselves: the server's own figure stands still where a standby does. */
  #lagOf({ at, lag, lsn }: { at: number | null; lag: number | null; lsn: number }, now: number): number {
    if (at === null) return lag ?? 0;
    if (at >= lsn) return 0;
    const missed = this.#marks.find((mark) => mark.lsn > at);
    return Math.max(missed ? now - missed.at : 0, lag ?? 0);
  }

  async #slowly(): Promise<Reason> {
    const before = this.#counters;
    const now = performance.now();
    if (before && now - before.at < STATEMENTS_EACH_MS) return this.#slow;
    const statements = await readCounters(this.#client);
    if (!statements) return undefined;
    this.#counters = { at: now, statements };
    const load = before ? loadBetween(before.statements, statements) : undefined;
    this.#slow =
      load && load.calls >= ENOUGH_CALLS && load.p95Ms > this.#limits.maxP95Ms
        ? `95 of 100 statements take up to ${Math.round(load.p95Ms)} ms (at most ${this.#limits.maxP95Ms} ms)`
        : undefined;
    return this.#slow;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** What of that cannot be seen here, and why: said in the plan, for then nothing is held back by it. */
export async function unseen(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ standbys: number; dark: number }>(
    `SELECT count(*)::int AS standbys, count(*) FILTER (WHERE replay_lsn IS NULL AND state IS NULL)::int AS dark FROM pg_stat_replication`,
  );
  const statements = await readCounters(client);
  return [
    ...((rows[0]?.dark ?? 0) > 0
      ? ['how far the standbys lie behind is not to be seen: GRANT pg_read_all_stats to this role']
      : []),
    ...(statements
      ? []
      : ['how long statements take is not to be seen: pg_stat_statements is not there, or not ours to read']),
  ];
}
