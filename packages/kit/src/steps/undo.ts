import { toOpsError } from '../errors.ts';
import type { Journal } from '../journal/types.ts';
import type { Json } from '../json.ts';
import type { Step, StepContext } from './types.ts';

/** A step done by this run (now or before a resume), with what it returned; the newest last. */
export interface DoneStep {
  name: string;
  step: Step;
  data: Json;
}

/**
 * Undoes done steps, newest first. One that fails to undo does not stop the others; what failed is returned as
 * sentences, to stand beside the first error.
 */
export async function undoSteps(done: DoneStep[], ctx: StepContext, journal: Journal): Promise<string[]> {
  const failures: string[] = [];
  for (const { name, step, data } of done.toReversed()) {
    if (!step.undo) continue;
    const progress = ctx.out.progress(`undo: ${name}`);
    try {
      await step.undo(ctx, data);
      journal.append({ event: 'step.undone', step: name });
      progress.done();
    } catch (thrown) {
      const error = toOpsError(thrown);
      failures.push(`Undoing "${name}" failed too: ${error.message}`);
      progress.fail(`undo: ${name}: ${error.message}`);
    }
  }
  return failures;
}
