import { cpus } from 'node:os';
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

/** One more at once than there are cores, for each waits for its services now and then; a suite that is marked so runs alone. */
export async function runAll(suites: Suite[], { root, say, signal }: RunAll): Promise<Outcome[]> {
  const bed = await makeBed({ postgres: suites.some(({ counts }) => counts !== 'exit') });
  const done: Outcome[] = [];
  const take = async (suite: Suite) => {
    const outcome = await runSuite(suite, { root, bed, signal });
    done.push(outcome);
    const mark = outcome.failed > 0 ? '✖' : '✔';
    say(
      `${mark} ${suite.name}  ${outcome.passed} passed${outcome.failed > 0 ? `, ${outcome.failed} failed` : ''}  ${(outcome.ms / 1_000).toFixed(1)} s`,
    );
  };
  const takeAll = async (queue: Suite[], atOnce: number) => {
    const worker = async () => {
      for (let suite = queue.shift(); suite && !signal.aborted; suite = queue.shift()) await take(suite);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  };
  try {
    await takeAll(
      suites.filter(({ alone }) => !alone),
      cpus().length + 1,
    );
    await takeAll(
      suites.filter(({ alone }) => alone),
      1,
    );
  } finally {
    await bed.clear();
  }
  return done;
}
