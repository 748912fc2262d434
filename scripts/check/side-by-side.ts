import { availableParallelism, cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Suite } from './suites.ts';

const LOOK_MS = 500;
/** Of the machine, over the last look: half a core of two. */
const IDLE = 0.25;
/** As long as a suite that was begun needs until its work shows. */
const SETTLE_MS = 1_500;

export interface SideBySide {
  run: (suite: Suite) => Promise<void>;
  /** Begins no other. */
  signal: AbortSignal;
  /** The share of the machine that nobody used since it was asked last. */
  idle?: () => number;
}

/**
 * One more than there are cores, for each waits for its services now and then; a heavy one takes the place of two. While they wait so much that a
 * part of the machine is idle, another begins.
 */
export async function sideBySide(suites: Suite[], { run, signal, idle = watchIdle() }: SideBySide): Promise<void> {
  const queue = suites.toSorted((a, b) => rank(b) - rank(a));
  const running = new Set<Promise<void>>();
  const cores = Math.max(2, availableParallelism());
  const [few, most] = [cores + 1, 2 * cores + 2];
  let taken = 0;
  let beganAt = 0;
  const begin = (places: number): boolean => {
    const next = queue.findIndex((suite) => taken + placesOf(suite) <= places);
    for (const suite of next < 0 ? [] : queue.splice(next, 1)) {
      taken += placesOf(suite);
      beganAt = performance.now();
      const work = run(suite).finally(() => {
        taken -= placesOf(suite);
        running.delete(work);
      });
      running.add(work);
    }
    return next >= 0;
  };
  while (queue.length > 0 && !signal.aborted) {
    if (begin(few)) continue;
    await Promise.race([...running, sleep(LOOK_MS, undefined, { ref: false })]);
    if (idle() > IDLE && performance.now() - beganAt > SETTLE_MS && !signal.aborted) begin(most);
  }
  await Promise.all(running);
}

function placesOf({ heavy = false }: Suite): number {
  return heavy ? 2 : 1;
}

/** What takes long is not to be what is left at the end. */
function rank({ heavy = false, long = false }: Suite): number {
  return (heavy ? 2 : 0) + (long ? 1 : 0);
}

function watchIdle(): () => number {
  let before = ticks();
  return () => {
    const now = ticks();
    const [all, idle] = [now.all - before.all, now.idle - before.idle];
    // Of a moment it says nothing.
    if (all < LOOK_MS) return 0;
    before = now;
    return idle / all;
  };
}

function ticks(): { all: number; idle: number } {
  const times = cpus().map((core) => core.times);
  const sum = (numbers: number[]) => numbers.reduce((total, n) => total + n, 0);
  return { all: sum(times.flatMap((time) => Object.values(time))), idle: sum(times.map(({ idle }) => idle)) };
}
