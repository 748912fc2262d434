import type { TaskContext } from '@drydock/kit';
import { printsAtRest } from '../at-rest/prints.ts';
import { withSecretRecord } from '../record/record.ts';
import { type Around, openRotating } from '../rotation/open.ts';
import { teamOf } from '../team/team.ts';
import { within } from './bounded.ts';
import { lookAt } from './look.ts';
import { type SecretStatus, statusOf } from './status.ts';

/** Of the named secrets; what could not be asked for all of them is said once. */
export async function secretStatus(
  ctx: TaskContext,
  names: readonly string[],
  around: Around,
): Promise<{ secrets: SecretStatus[]; unknown: string[] }> {
  const { config, environment, env } = ctx;
  const [record, atRest] = await Promise.all([
    within(
      withSecretRecord(config, environment, async (record) => ({
        rotations: await record.rotations(),
        generations: await record.generations(),
        written: await record.written(),
        rotated: await record.lastRotated(),
        now: await record.now(),
      })),
    ),
    within(printsAtRest(config, env, teamOf(config, environment))),
  ]);
  const sealed = 'told' in atRest ? atRest.told : undefined;
  const looked = await Promise.all(names.map((name) => lookAt(openRotating(ctx, name, around), record, sealed)));
  return {
    secrets: statusOf(env, looked),
    unknown: [
      ...('why' in record ? [`what was rotated when: ${record.why}`] : []),
      ...('why' in atRest ? [`what is kept encrypted: ${atRest.why}`] : []),
    ],
  };
}
