import { defineStep, type Handle, OpsError, type Step, type StepContext, toOpsError } from '@drydock/kit';
import type { Artifact } from '../artifact/types.ts';
import type { Deployment, Driver, Progress } from '../driver/types.ts';

export type Staged = { instance: Deployment; previous: Deployment | null };

/** What is to be staged: a result of the run, or known when the steps are made. */
export type ArtifactOf = Handle<Artifact> | Artifact;

/** Of its log, where it does not get ready. */
const LAST_LINES = 10;

/**
 * Starts the version beside the live one, and waits until it can take traffic; it gets none yet. `goesBack`: with the environment that
 * it was released with, and where it lies already from there.
 */
export function stageStep(driver: Driver, artifact: ArtifactOf, { goesBack = false } = {}): Step<Staged> {
  const artifactOf = ({ results }: StepContext) => ('name' in artifact ? results.of(artifact) : artifact);
  return defineStep<Staged>({
    name: 'stage',
    async check(step) {
      const { live, idle } = await driver.inspect();
      if (idle?.version !== artifactOf(step).version || !(await driver.isRunning(idle))) return undefined;
      await driver.waitReady(idle, { signal: step.signal, onLine: step.detail });
      return { instance: idle, previous: live ?? null };
    },
    async run(step) {
      const { live, idle } = await driver.inspect();
      const options = { signal: step.signal, onLine: step.detail, asReleased: goesBack };
      const lies = goesBack && idle?.version === artifactOf(step).version ? idle : undefined;
      const instance =
        (lies && (await revived(driver, lies, options))) ?? (await driver.stage(artifactOf(step), options));
      try {
        await driver.waitReady(instance, options);
      } catch (error) {
        if (toOpsError(error).code === 'VERSION_NOT_READY')
          for (const line of await driver.saidLast(instance, LAST_LINES)) step.out.line(`  │ ${line}`);
        throw await withdrawn(driver, instance, error);
      }
      return { instance, previous: live ?? null };
    },
    undo: (_, { instance }) => driver.retire(instance),
  });
}

async function revived(driver: Driver, lies: Deployment, options: Progress): Promise<Deployment | undefined> {
  try {
    await driver.revive(lies, options);
    return lies;
  } catch (thrown) {
    if (toOpsError(thrown).code === 'VERSION_NOT_THERE') return undefined;
    throw thrown;
  }
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
