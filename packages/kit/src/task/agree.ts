import { OpsError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import { asks, confirmRun, type GuardInput, guardedEnvironments, lacksReason } from './guard.ts';
import { describeOpen, type Next, substance, unfinished } from './next.ts';
import { tellPlan } from './plan.ts';
import { askYesNo } from './prompt.ts';
import type { TaskContext } from './types.ts';

/** A plan that is another one each time that somebody has agreed to it. */
export const MOST_ROUNDS = 3;

/** What somebody has said, and to what. */
export interface Answers {
  reason: string | undefined;
  /** The run to go on with. */
  goOn?: string;
  /** See `substance`. */
  to?: string;
}

/** Has somebody to be asked before it is done? */
export function isOpen(guard: GuardInput, next: Next): boolean {
  if ('state' in next) return next.stands || asks(guard) || lacksReason(guard, next.state.start.reason);
  return asks(guard) || lacksReason(guard);
}

export async function askAbout(ctx: TaskContext, guard: GuardInput, next: Next, before: Answers): Promise<Answers> {
  const to = substance(next);
  if ('planned' in next) {
    tellPlan(ctx, next.planned, asks(guard));
    return { ...before, reason: await confirmRun(guard, before.reason), to };
  }
  const { state, stands } = next;
  if (stands && !(await askYesNo(`${describeOpen(state)}. Go on with it?`, ctx.signal))) throw unfinished(state);
  return { reason: await confirmRun(guard, before.reason ?? state.start.reason), goOn: state.run, to };
}

export function changing(guard: GuardInput): OpsError {
  const guarded = guardedEnvironments(guard);
  const flags = { yes: true, ...(guarded.length > 0 ? { confirm: guarded, reason: '…' } : {}) };
  return new OpsError({
    code: 'PLAN_CHANGES',
    message: `What there is to do changed each time that it was agreed to; nothing was changed.`,
    hint: hint`Look what else works there (${command('ops:log')}), or say beforehand that it may go on: ${command(guard.task, flags)}`,
  });
}
