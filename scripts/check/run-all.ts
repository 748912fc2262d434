import { makeBed } from './make-bed.ts';
import { type Outcome, runSuite } from './run-suite.ts';
import { sideBySide } from './side-by-side.ts';
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
