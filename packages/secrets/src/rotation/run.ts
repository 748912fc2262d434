import { namedSteps, type Outcome, type Step, type StepNode, type StepResults, type TaskContext } from '@drydock/kit';
import { type Around, openRotating } from './open.ts';
import { rotationOutcome } from './outcome.ts';
import type { RotationPlan } from './plan.ts';
import type { Settled } from './settle.ts';
import { rotationSteps } from './steps.ts';

/** A run waits so long until the old one has settled: a pool of the product closes its connections within that time. */
export const WAIT_MS = 30_000;

export interface RotationRun {
  nodes: StepNode[];
  each: { plan: RotationPlan; settled: Step<Settled> }[];
}

/** The steps of some rotations, each under the name of its secret. */
export function rotationRun(ctx: TaskContext, plans: readonly RotationPlan[], around: Around): RotationRun {
  const all = plans.map((plan) => {
    const r = openRotating(ctx, plan.name, around);
    return { plan, ...rotationSteps(r, plan, ctx.actor) };
  });
  return {
    nodes: all.map(({ plan, nodes }) => namedSteps(plan.name, nodes)),
    each: all.map(({ plan, settled }) => ({ plan, settled })),
  };
}

export function outcomeOf({ env }: Pick<TaskContext, 'env'>, results: StepResults, { each }: RotationRun): Outcome {
  return rotationOutcome(
    env,
    each.map(({ plan, settled }) => ({ plan, settled: results.of(settled) })),
  );
}
