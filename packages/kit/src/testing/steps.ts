import { createMemoryJournal } from '../journal/memory-journal.ts';
import type { JournalEntry } from '../journal/types.ts';
import { runSteps } from '../steps/run.ts';
import type { StepNode, StepResults } from '../steps/types.ts';
import { newRunId } from '../task/change.ts';
import { typed } from '../task/typed.ts';
import { silentOutput } from './output.ts';

/** Runs steps on a memory journal; a failure undoes nothing unless it is asked for. */
export async function runStepsForTest(
  nodes: StepNode[],
  onFailure: 'undo' | 'keep' = 'keep',
  run = newRunId(),
): Promise<{ results: StepResults; entries: JournalEntry[] }> {
  const journal = createMemoryJournal(run);
  const results = await runSteps({
    nodes,
    journal,
    before: new Map(),
    out: silentOutput(),
    signal: new AbortController().signal,
    assertLocked: async () => {},
    withoutLockSession: (work) => work(),
    audit: async () => {},
    typed,
    onFailure,
  });
  return { results, entries: journal.entries };
}
