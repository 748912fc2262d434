import { availableParallelism } from 'node:os';
import { makeBed } from './make-bed.ts';
import { type Outcome, runSuite } from './run-suite.ts';
import type { Suite } from './suites.ts';

export interface RunAll {
  root: string;
  /** One line a suite, as it ends. */
  say(text: string): void;
  /** Ends the suites that run, and begins no other. */
  signal: AbortSignal;
}

/** Runs them side by side, the heavy ones first. */
export async function runAll(suites: Suite[], { root, say, signal }: RunAll): Promise<Outcome[]> {
  const bed = await makeBed({ postgres: suites.some(({ counts }) => counts !== 'exit') });
  const done: Outcome[] = [];
  const run = async (suite: Suite) => {
    const outcome = await runSuite(suite, { root, bed, signal });
    done.push(outcome);
    const mark = outcome.failed > 0 ? '✖' : '✔';
    say(
      `${mark} ${suite.name}  ${outcome.passed} passed${outcome.failed > 0 ? `, ${outcome.failed} failed` : ''}  ${(outcome.ms / 1_000).toFixed(1)} s`,
    );
  };
  try {
    await sideBySide(suites, { run, signal });
  } finally {
    await bed.clear();
  }
  return done;
}

/** One more than there are cores, for each waits for its services now and then; a heavy one takes the place of two. */
async function sideBySide(
  suites: Suite[],
  { run, signal }: { run: (suite: Suite) => Promise<void>; signal: AbortSignal },
): Promise<void> {
  const queue = suites.toSorted((a, b) => placesOf(b) - placesOf(a));
  const running = new Set<Promise<void>>();
  let free = Math.max(2, availableParallelism()) + 1;
  while (queue.length > 0 && !signal.aborted) {
    const next = queue.findIndex((suite) => placesOf(suite) <= free);
    if (next < 0) {
      await Promise.race(running);
      continue;
    }
    for (const suite of queue.splice(next, 1)) {
      free -= placesOf(suite);
      const work = run(suite).finally(() => {
        free += placesOf(suite);
        running.delete(work);
      });
      running.add(work);
    }
  }
  await Promise.all(running);
}

function placesOf({ heavy = false }: Suite): number {
  return heavy ? 2 : 1;
}
