import { toOpsError } from '@drydock/kit';
import { type HealthResult, problemOf } from '../check/endpoint.ts';
import { lookingBack } from '../gate/share.ts';
import { addDoubts, type Doubt } from '../metrics/doubt.ts';
import { Follower } from '../metrics/follow.ts';
import type { Names } from '../metrics/names.ts';
import type { Scrape } from '../metrics/scrape.ts';
import type { Window } from '../metrics/window.ts';
import type { Objective } from '../objectives/types.ts';
import { AWAY_CODES, type Source } from '../source/types.ts';
import type { Look } from './draw.ts';
import { toSample } from './sample.ts';

/** The endpoint asks everything behind it: more seldom than the metrics. */
const HEALTH_MS = 30_000;
/** More than this is kept in the samples. */
const MOST_LOOKS = 720;

export interface WatchRun {
  source: Source;
  names: Names;
  intervalSeconds: number;
  /** How much is looked at together. */
  windowSeconds: number;
  forSeconds: number;
  cores: number;
  objectivesFor(routes: Iterable<string>): Objective[];
  /** Throws for an objective on a metric that is not there. */
  onFirst(scrape: Scrape): void;
  askHealth(): Promise<HealthResult>;
  onWindow(window: Window, version: string | undefined): void;
  /** Each that is not like one before. */
  onDoubt(doubt: Doubt): void;
  onLook(look: Look, state: WatchState): void;
  sleep(ms: number): Promise<void>;
  /** Milliseconds of a clock that nobody sets. */
  elapsed(): number;
}

export interface WatchState {
  looks: Look[];
  version: string | undefined;
  health: string | null | undefined;
}

/** Looks until the time is up. An outage is something to show, not an end; what cannot mend itself (a token, a page) ends it at once. */
export async function watch(run: WatchRun): Promise<WatchState> {
  const follower = new Follower(run.names);
  const state: WatchState = { looks: [], version: undefined, health: undefined };
  const windows: Window[] = [];
  const told: Told = { doubts: [] };
  const began = run.elapsed();
  let asked = Number.NEGATIVE_INFINITY;
  for (let tick = 0; ; tick++) {
    if (tick > 0) await run.sleep(Math.max(0, began + tick * run.intervalSeconds * 1_000 - run.elapsed()));
    if (run.elapsed() - asked >= HEALTH_MS || state.health !== null) {
      asked = run.elapsed();
      await askHealth(run, state);
    }
    const look = await lookOnce(run, state, { follower, windows, told });
    if (look) {
      state.looks.push(look);
      if (state.looks.length > MOST_LOOKS) state.looks.shift();
      run.onLook(look, state);
      // Another process may be another version.
      if (look.problem || look.sample?.restarts) asked = Number.NEGATIVE_INFINITY;
    }
    if (run.elapsed() - began >= run.forSeconds * 1_000) return state;
  }
}

interface Told {
  doubts: readonly Doubt[];
}

async function askHealth(run: WatchRun, state: WatchState): Promise<void> {
  const result = await run.askHealth();
  state.health = problemOf(result);
  state.version = result.version ?? state.version;
}

/** Undefined for the first scrape, which there is nothing to compare with, and while Prometheus has nothing new. */
async function lookOnce(
  run: WatchRun,
  state: WatchState,
  { follower, windows, told }: { follower: Follower; windows: Window[]; told: Told },
): Promise<Look | undefined> {
  const count = windows.length;
  try {
    for (const scrape of await run.source.next()) {
      if (!follower.began) run.onFirst(scrape);
      const window = follower.take(scrape);
      if (!window) continue;
      windows.push(window);
      run.onWindow(window, state.version);
      const doubts = addDoubts(told.doubts, window.doubts);
      doubts.slice(told.doubts.length).forEach(run.onDoubt);
      told.doubts = doubts;
    }
  } catch (thrown) {
    const error = toOpsError(thrown);
    if (error.exit === 130 || (!follower.began && !AWAY_CODES.has(error.code))) throw error;
    return { at: Date.now(), sample: undefined, problem: error.message };
  }
  if (windows.length === count) return undefined;
  if (windows.length > MOST_LOOKS) windows.splice(0, windows.length - MOST_LOOKS);
  const newest = windows.at(-1)?.to ?? 0;
  const recent = lookingBack(windows, run);
  const objectives = run.objectivesFor(new Set(recent.flatMap(({ routes }) => [...routes.keys()])));
  const sample = toSample(recent, { objectives, cores: run.cores, history: windows });
  return { at: newest, sample, problem: undefined };
}
