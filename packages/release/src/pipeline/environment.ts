import { backupStep, backupTarget } from '@drydock/backups';
import { type DeployPlan, deploySteps, planDeploy, rehearseStep, targetOf } from '@drydock/db';
import { checkHealth, publicUrl } from '@drydock/health';
import {
  command,
  defineGroup,
  defineStep,
  type EnvName,
  environmentSettings,
  exec,
  namedSteps,
  OpsError,
  type Step,
  type StepContext,
  type StepNode,
  type TaskContext,
  toOpsError,
} from '@drydock/kit';
import type { Artifact } from '../artifact/types.ts';
import { type ReleaseConfig, releaseConfig } from '../config.ts';
import { driverOf } from '../driver/driver.ts';
import { type Deployment, type Driver, type Progress, UNKNOWN_VERSION } from '../driver/types.ts';

/** Everything that happens to one environment in a release, in order. Step names are stable: people script against them. */
export function environmentSteps(
  ctx: TaskContext,
  env: EnvName,
  built: Step<Artifact>,
  keepWhenDone: boolean,
): StepNode {
  const release = releaseConfig(ctx.config);
  const environment = ctx.environmentOf(env);
  const { config, actor, reason } = ctx;
  const target = targetOf(ctx.config, environment);
  const driver = driverOf(ctx.config, environment);
  const rehearsed = rehearseStep(target, { name: 'db:dry-run', accept: (ctx.flags.accept ?? []) as string[] });
  const staged = stageStep(driver, built);
  const steps = [
    backupStep(backupTarget({ config, environment, actor, reason })),
    rehearsed,
    defineGroup<DeployPlan>({
      name: 'db:deploy',
      plan: () => planDeploy(target),
      ahead: () => planDeploy(target),
      steps: (plan) => deploySteps(target, plan, rehearsed),
    }),
    staged,
    candidateHealthStep(ctx, env, driver, staged),
    shiftStep(driver, staged),
    defineStep({
      name: 'health',
      run: async ({ results }) =>
        expectHealthy(ctx, env, results.of(staged).instance.version, publicUrl(ctx.config, environment)),
    }),
    ...flowSteps(ctx, env, release),
    retireStep(driver, staged),
  ];
  return namedSteps(env, steps, { env, keepWhenDone });
}

type Staged = { instance: Deployment; previous: Deployment | null };

function progress({ signal, detail }: StepContext): Progress {
  return { signal, onLine: detail };
}

function stageStep(driver: Driver, built: Step<Artifact>): Step<Staged> {
  const artifactOf = ({ results }: StepContext) => results.of(built);
  return defineStep<Staged>({
    name: 'stage',
    async check(step) {
      const { live, idle } = await driver.inspect();
      const running = idle && idle.version === artifactOf(step).version && (await driver.isRunning(idle));
      return running ? { instance: idle, previous: live ?? null } : undefined;
    },
    async run(step) {
      const { live } = await driver.inspect();
      const instance = await driver.stage(artifactOf(step), progress(step));
      try {
        await driver.waitReady(instance, progress(step));
      } catch (error) {
        throw await withdrawn(driver, instance, error);
      }
      return { instance, previous: live ?? null };
    },
    undo: async (_, { instance }) => driver.retire(instance),
  });
}

/** The candidate, asked directly: it gets no traffic before it is healthy. */
function candidateHealthStep(ctx: TaskContext, env: EnvName, driver: Driver, staged: Step<Staged>): Step {
  return defineStep({
    name: 'candidate health',
    run: async ({ results }) => {
      const { instance } = results.of(staged);
      for (const address of await driver.addressesOf(instance))
        await expectHealthy(ctx, env, instance.version, address);
      return { version: instance.version };
    },
  });
}

export function shiftStep(driver: Driver, staged: Step<Staged>): Step {
  return defineStep({
    name: 'switch traffic',
    check: async ({ results }) => ((await driver.isLive(results.of(staged).instance)) ? null : undefined),
    async run({ results }) {
      await driver.shift(results.of(staged).instance);
      return null;
    },
    async verify({ results }) {
      if (await driver.isLive(results.of(staged).instance)) return;
      throw new OpsError({ code: 'NOT_LIVE', message: 'The proxy does not send traffic to the new version.' });
    },
    async undo({ results }) {
      const { instance, previous } = results.of(staged);
      if (!previous) return driver.unshift(instance);
      // What serves is kept: without the version before, the new one is better than none.
      if (!(await driver.isRunning(previous)))
        throw new OpsError({
          code: 'NOTHING_TO_GO_BACK_TO',
          message: `version ${previous.version} does not run any more`,
        });
      await driver.shift(previous);
    },
  });
}

function flowSteps(ctx: TaskContext, env: EnvName, { flow }: ReleaseConfig): Step[] {
  if (!flow) return [];
  const runsHere = flow.environments?.includes(env) ?? environmentSettings(ctx.config, env).serves === 'validation';
  if (!runsHere) return [];
  return [
    defineStep({
      name: 'full flow',
      async run({ detail, signal }) {
        const [program = '', ...args] = flow.command;
        await exec(program === 'node' ? process.execPath : program, args, {
          cwd: ctx.config.root,
          env: ctx.environmentOf(env).forChild('product'),
          signal,
          onLine: detail,
        });
        return null;
      },
    }),
  ];
}

function retireStep(driver: Driver, staged: Step<Staged>): Step {
  return defineStep({
    name: 'retire the version before',
    houseKeeping: true,
    async run({ results }) {
      const { previous } = results.of(staged);
      if (previous) await driver.retire(previous);
      return { retired: previous?.version ?? null };
    },
    async undo(step) {
      const { previous } = step.results.of(staged);
      if (!previous || previous.version === UNKNOWN_VERSION || (await driver.isRunning(previous))) return;
      try {
        await driver.revive(previous, progress(step));
        await driver.waitReady(previous, progress(step));
      } catch (error) {
        throw await withdrawn(driver, previous, error);
      }
    },
  });
}

/** Ends a version that did not get ready: half started, it would lie in wait. */
async function withdrawn(driver: Driver, instance: Deployment, thrown: unknown): Promise<OpsError> {
  const error = toOpsError(thrown);
  try {
    await driver.retire(instance);
    return error;
  } catch (left) {
    const { code, message, hint, exit } = error;
    const also = `${message} And it could not be ended: ${toOpsError(left).message}`;
    return new OpsError({ code, message: also, hint, exit, cause: error });
  }
}

async function expectHealthy(
  ctx: TaskContext,
  env: EnvName,
  version: string,
  url: string,
): Promise<{ version: string }> {
  const result = await checkHealth(ctx.config, ctx.environmentOf(env), url);
  const bad = result.parts.find(({ ok, required }) => required && !ok);
  if (!result.healthy)
    throw new OpsError({
      code: 'NOT_HEALTHY',
      message: `${env} is not healthy: ${bad ? `${bad.part} ${bad.detail}` : 'the endpoint says so'}.`,
      hint: command('health:check', { env }),
    });
  if (result.version === version) return { version };
  throw new OpsError({
    code: 'WRONG_VERSION',
    message: `${env} answers as version ${result.version}, expected ${version}.`,
    hint: 'Does something else answer at its address?',
  });
}
