import { toOpsError } from '../errors.ts';
import type { Journal } from '../journal/types.ts';
import type { Json } from '../json.ts';
import { orInterrupted } from './grace.ts';
import type { Step, StepContext } from './types.ts';

/** A step done by this run (now or before a resume), with what it returned; the newest last. */
export interface DoneStep {
  name: string;
  step: Step;
  data: Json;
}

/** What became of the steps that were done when one failed. */
export interface UndoReport {
  undone: string[];
  /** Where undoing stopped, and why. */
  stopped?: { name: string; why: string };
  /** Steps that could be undone and were not: what they did is in effect. */
  left: string[];
}

/**
 * Undoes done steps, newest first, each under the lock and only until the signal. It ends where one cannot be undone: those
 * before it stand on what that one left, and undoing them as well would take away what still works.
 */
export async function undoSteps(
  done: DoneStep[],
  ctx: StepContext,
  { journal, assertLocked }: { journal: Journal; assertLocked: () => Promise<void> },
): Promise<UndoReport> {
  const undoable = done.filter(({ step }) => step.undo).toReversed();
  const undone: string[] = [];
  for (const [i, { name, step, data }] of undoable.entries()) {
    const progress = ctx.out.progress(`undo: ${name}`);
    const stop = (thrown: unknown, at: number) => {
      const why = toOpsError(thrown).message;
      progress.fail(`undo: ${name}: ${why}`);
      return { undone, stopped: { name, why }, left: undoable.slice(at).map((each) => each.name) };
    };
    try {
      ctx.signal.throwIfAborted();
      await assertLocked();
      ctx.signal.throwIfAborted();
      await orInterrupted(Promise.resolve(step.undo?.(ctx, data)), ctx.signal);
    } catch (thrown) {
      return stop(ctx.signal.aborted ? ctx.signal.reason : thrown, i);
    }
    undone.push(name);
    try {
      await journal.append({ event: 'step.undone', step: name });
    } catch (unwritten) {
      return stop(new Error(`that it is undone could not be written down: ${toOpsError(unwritten).message}`), i + 1);
    }
    progress.done();
  }
  return { undone, left: [] };
}

/** For the run's last words: what is as it was before, and what is not. Empty where there was nothing to undo. */
export function describeUndo({ undone, stopped, left }: UndoReport): string {
  const names = (steps: string[]) => steps.map((step) => `"${step}"`).join(', ');
  const back = undone.length > 0 ? `Undone: ${names(undone)}.` : '';
  if (!stopped) return back;
  const still = left.length > 0 ? `; still in effect: ${names(left)}` : '';
  return `${back}${back ? ' ' : ''}Undoing stopped at "${stopped.name}" (${stopped.why.replace(/\.$/, '')})${still}.`;
}
