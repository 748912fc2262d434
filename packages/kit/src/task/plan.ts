import type { PlannedStep } from '../journal/types.ts';
import type { Json } from '../json.ts';
import { describeSteps, plannedSteps } from '../steps/plan.ts';
import type { StepNode } from '../steps/types.ts';
import { unlessInterrupted } from './interrupt.ts';
import type { AnyChangeTask, Steps, TaskContext } from './types.ts';

/** What a run would work on, and the very steps that it would take. */
export interface RunPlan {
  plan: Json;
  /** What it is about, for a person. */
  lines: string[];
  steps: PlannedStep[];
}

/** Reads, and changes nothing; ends with the signal. */
export async function planRun(task: AnyChangeTask, ctx: TaskContext): Promise<RunPlan> {
  const make = async () => {
    const plan: Json = await task.plan(ctx);
    const steps = await plannedSteps(nodesOf(task.steps(ctx, plan)));
    return { plan, lines: task.describe(plan), steps };
  };
  return unlessInterrupted(make(), ctx.signal);
}

export function nodesOf(steps: Steps): StepNode[] {
  return Array.isArray(steps) ? steps : steps.nodes;
}

/** What it is about; where somebody asks or is asked, each step as well. */
export function tellPlan({ out }: TaskContext, { lines, steps }: RunPlan, whole: boolean): void {
  for (const line of lines) out.line(`  ${line}`);
  if (!whole || steps.length === 0) return;
  out.line('  Steps:');
  for (const line of describeSteps(steps)) out.line(`    ${line}`);
}
