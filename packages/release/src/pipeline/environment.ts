import { backupStep, backupTarget } from '@drydock/backups';
import { type DeployPlan, deploySteps, planDeploy, readState, rehearseStep, targetOf } from '@drydock/db';
import { defineGroup, type EnvName, namedSteps, type Step, type StepNode, type TaskContext } from '@drydock/kit';
import type { Artifact } from '../artifact/types.ts';
import type { Skippable } from '../config/hotfix.ts';
import { releaseConfig } from '../config.ts';
import { driverOf } from '../driver/driver.ts';
import type { Release } from '../record/types.ts';
import { servingCommit } from '../running.ts';
import { checklistSteps } from './checklist.ts';
import { gateSteps } from './gate.ts';
import { candidateSteps, flowSteps, publicSteps } from './look.ts';
import { passedStep } from './passed.ts';
import { retireSteps } from './retire.ts';
import { stageStep } from './stage.ts';
import { switchStep } from './switch.ts';
import { besideWatch, watchSteps } from './watch.ts';

export interface Releasing {
  built: Step<Artifact>;
  subject: string;
  kind: Release['kind'];
}

/** Everything that happens to one environment in a release, in order. Step names are stable: people script against them. */
export function environmentSteps(
  ctx: TaskContext,
  env: EnvName,
  { built, subject, kind }: Releasing,
  keepWhenDone: boolean,
): StepNode {
  const environment = ctx.environmentOf(env);
  const { config, actor, reason } = ctx;
  const target = targetOf(ctx.config, environment);
  const driver = driverOf(ctx.config, environment);
  const backup = backupStep(backupTarget({ config, environment, actor, reason }));
  const rehearsed = rehearseStep(target, {
    name: 'db:dry-run',
    accept: (ctx.flags.accept ?? []) as string[],
    running: () => servingCommit(config, environment),
  });
  const staged = stageStep(driver, built);
  const watching = { ctx, env, driver, staged };
  const steps = [
    ...checklistSteps(ctx, env, built),
    backup,
    rehearsed,
    defineGroup<DeployPlan>({
      name: 'db:deploy',
      plan: () => planDeploy(target),
      ahead: () => planDeploy(target),
      steps: (plan) => deploySteps(target, plan, rehearsed),
    }),
    staged,
    ...candidateSteps(ctx, env, driver, staged),
    switchStep({
      ctx,
      env,
      driver,
      staged,
      knownOf: async ({ results }) => ({
        kind,
        subject,
        tag: results.of(built).tag ?? null,
        migrations: (await readState(target)).applied,
        backup: results.of(backup).id,
      }),
    }),
    ...publicSteps(ctx, env, staged),
    ...flowSteps(ctx, env),
    ...watchSteps(watching),
    ...gateSteps(ctx, env, besideWatch(watching)),
    passedStep(ctx, env, staged),
    ...retireSteps(ctx, env, driver, staged),
  ];
  return namedSteps(env, kind === 'hotfix' ? withoutSkipped(ctx, steps) : steps, { env, keepWhenDone });
}

const SKIPPED: Partial<Record<Skippable, string[]>> = {
  checklist: ['checklist'],
  smoke: ['candidate smoke', 'smoke'],
  flow: ['full flow'],
};

/** A hotfix leaves out what the config calls non-critical; its plan names it. */
function withoutSkipped({ config }: TaskContext, steps: StepNode[]): StepNode[] {
  const names = releaseConfig(config).hotfix.skip.flatMap((one) => SKIPPED[one] ?? []);
  return steps.filter(({ name }) => !names.includes(name));
}
