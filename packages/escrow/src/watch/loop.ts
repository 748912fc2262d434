import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, formatDuration, type OpsError, shownName, toOpsError } from '@drydock/kit';
import { readSince } from '../chain/logs.ts';
import type { Session } from '../session.ts';
import { listUnsettled } from '../status/list.ts';
import { compareSeen, type Seen } from './changes.ts';

export interface Watching {
  /** Opened again after a loss. */
  open(): Promise<Session>;
  intervalMs: number;
  /** Until then, in milliseconds since 1970; undefined: until it is stopped. */
  until: number | undefined;
  stuckAfterMs: number | undefined;
  signal: AbortSignal;
  say(line: string): void;
  warn(line: string): void;
  /** Tells of escrows that have become stuck. */
  report(jobs: string[]): Promise<void>;
}

export interface Watched {
  seen: Seen;
  /** Jobs that cannot be compared. */
  incomplete: Set<string>;
  looks: number;
  losses: number;
}

/** Longest pause between two tries while chain or database are away. */
const PATIENCE_MS = 60_000;

/** Looks again and again, tells what changed, and survives the loss of RPC and database. */
export async function watch(watching: Watching): Promise<Watched> {
  const state: Watched & {
    session?: Session | undefined;
    block?: bigint;
    lostAt?: number | undefined;
    misses: number;
  } = {
    seen: new Map(),
    incomplete: new Set(),
    looks: 0,
    losses: 0,
    misses: 0,
  };
  for (;;) {
    try {
      state.session ??= await watching.open();
      await look(watching, state, state.session);
      if (state.lostAt !== undefined) watching.say(`back after ${formatDuration(Date.now() - state.lostAt)}`);
      state.lostAt = undefined;
      state.misses = 0;
      state.looks += 1;
    } catch (thrown) {
      const error = toOpsError(thrown);
      refuseHopeless(error);
      if (state.lostAt === undefined) {
        state.losses += 1;
        state.lostAt = Date.now();
        watching.warn(`${error.message} Going on when it is back.`);
      }
      state.session = undefined;
      state.misses += 1;
    }
    const pause = Math.min(
      watching.intervalMs * 2 ** Math.min(state.misses, 5),
      Math.max(PATIENCE_MS, watching.intervalMs),
    );
    const left = watching.until === undefined ? pause : watching.until - Date.now();
    if (left <= 0) return state;
    await sleep(Math.min(pause, left), undefined, { signal: watching.signal });
  }
}

/** A wrong config or chain does not mend itself. */
function refuseHopeless(error: OpsError): void {
  if (error.exit === EXIT.usage || error.exit === EXIT.refused) throw error;
}

async function look(
  watching: Watching,
  state: Pick<Watched, 'seen' | 'incomplete'> & { block?: bigint },
  session: Session,
): Promise<void> {
  const { jobs, survey } = await listUnsettled(session, { stuckAfterMs: watching.stuckAfterMs, awaited: true });
  await tellCreated(watching, session, state.block, survey.block);
  state.block = survey.block;
  const after: Seen = new Map(jobs.map(({ row, verdict }) => [row.id, verdict]));
  const { jobs: unread } = survey.incomplete;
  for (const { row, why } of unread)
    if (!state.incomplete.has(row.id)) watching.warn(`job ${shownName(row.id)} cannot be compared: ${why}`);
  state.incomplete = new Set(unread.map(({ row }) => row.id));
  const { lines, newlyStuck } = compareSeen(state.seen, after);
  state.seen = after;
  for (const { job, from, to } of lines) watching.say(`block ${survey.block}  job ${shownName(job)}: ${from} → ${to}`);
  if (newlyStuck.length === 0) return;
  watching.warn(
    `${newlyStuck.length} ${newlyStuck.length === 1 ? 'escrow is' : 'escrows are'} stuck: ${newlyStuck.slice(0, 10).map(shownName).join(', ')}${newlyStuck.length > 10 ? ', …' : ''}`,
  );
  await watching.report(newlyStuck);
}

/** Escrows that the factory made since the last look. */
async function tellCreated(
  { say }: Watching,
  { target, reader }: Session,
  from: bigint | undefined,
  to: bigint,
): Promise<void> {
  if (from === undefined || to <= from) return;
  const { event, jobId, escrow } = target.escrow.created;
  for (const one of await readSince(
    target,
    reader,
    { address: target.factory, abi: target.abi.factory, event },
    from + 1n,
    to,
  ))
    say(
      `block ${one.block}  escrow ${String(one.args[escrow])}${jobId ? ` of job ${shownName(String(one.args[jobId]))}` : ''} is made`,
    );
}
