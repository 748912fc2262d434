import { restoreSteps } from '@drydock/backups';
import { rollbackSteps as downSteps, readState } from '@drydock/db';
import { defineStep, namedSteps, operatorUrl, type Step, type StepNode, type TaskContext } from '@drydock/kit';
import { releaseConfig } from '../config.ts';
import { driverOf } from '../driver/driver.ts';
import type { Driver } from '../driver/types.ts';
import { candidateSteps, publicSteps } from '../pipeline/look.ts';
import { retireStep } from '../pipeline/retire.ts';
import { type Staged, stageStep } from '../pipeline/stage.ts';
import { switchStep } from '../pipeline/switch.ts';
import { targetOfCommit } from './migrations.ts';
import type { RollbackPlan } from './plan.ts';

/** In order. Nothing that is worth a gate: what one goes back to was live, and minutes count. */
export function rollbackSteps(ctx: TaskContext, plan: RollbackPlan): StepNode[] {
  const { env, config, environment } = ctx;
  const { way, live, to } = plan;
  const driver = driverOf(config, environment);
  const target = targetOfCommit(config, environment, live.commit);
  const staged = plan.warm ? warmStep(driver, plan) : startStep(driver, plan);
  const [health, smoke] = publicSteps(ctx, env, staged);
  const turn = [
    staged,
    ...candidateSteps(ctx, env, driver, staged),
    switchStep({
      ctx,
      env,
      driver,
      staged,
      knownOf: async () => ({
        kind: 'rollback',
        subject: to.subject,
        tag: to.tag,
        migrations: (await readState(target)).applied,
        backup: null,
      }),
    }),
    ...(health ? [health] : []),
  ];
  const after = [...(smoke ? [smoke] : []), retireStep(driver, staged)];
  if (way.row === 'switch') return [...turn, ...after];
  if (way.row === 'down') return [namedSteps('db:rollback', downSteps(target, way.down)), ...turn, ...after];
  return [
    closeStep(ctx, driver),
    namedSteps('db:restore', restoreSteps(ctx, operatorUrl(config, environment), way.restore).nodes, {
      // The database of before is there again: starting the newer version on it would be worse.
      keepWhenDone: true,
    }),
    ...turn,
    openStep(driver),
    ...after,
  ];
}

/** It runs: it is only looked at. */
function warmStep(driver: Driver, { warm, to }: RollbackPlan): Step<Staged> {
  return defineStep<Staged>({
    name: 'stage',
    async run({ signal, detail }) {
      const { live, idle } = await driver.inspect();
      const instance = warm ?? idle;
      if (!instance) throw new Error(`version ${to.version} is not staged`);
      await driver.waitReady(instance, { signal, onLine: detail });
      return { instance, previous: live ?? null };
    },
  });
}

function startStep(driver: Driver, { artifact, to }: RollbackPlan): Step<Staged> {
  if (!artifact) throw new Error(`version ${to.version} has no artefact`);
  return stageStep(driver, artifact, { goesBack: true });
}

function closeStep(ctx: TaskContext, driver: Driver): Step {
  const { retryAfterSeconds } = releaseConfig(ctx.config).maintenance;
  return defineStep({
    name: 'maintenance on',
    async run() {
      await driver.setMaintenance({ reason: ctx.reason ?? 'a rollback', retryAfterSeconds });
      return null;
    },
    undo: () => driver.setMaintenance(undefined),
  });
}

function openStep(driver: Driver): Step {
  return defineStep({
    name: 'maintenance off',
    async run() {
      await driver.setMaintenance(undefined);
      return null;
    },
  });
}
