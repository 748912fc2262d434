import { OpsError, type Secret } from '@drydock/kit';
import { unknown } from '../../unknown.ts';
import type { Proof, RotatorContext } from '../types.ts';
import { isTaken } from './api.ts';
import type { PostHogSecret } from './config.ts';

export async function validated(ctx: RotatorContext<PostHogSecret>, next: Secret): Promise<string> {
  const { taken, says } = await isTaken(ctx, next, 'the new key');
  if (taken) return says;
  throw new OpsError({
    code: 'POSTHOG_KEY_REFUSED',
    message: `PostHog refuses the new key (${says}).`,
    hint: `Is it that of the project that ${ctx.secret.host} belongs to?`,
  });
}

/** An address or a project that is wrong refuses every key: the new one has to be taken there. */
export async function proofOf(ctx: RotatorContext<PostHogSecret>, old: Secret, next: Secret): Promise<Proof> {
  const { taken, says } = await isTaken(ctx, old, 'the old key');
  if (taken) return { verdict: 'alive', says };
  const beside = await isTaken(ctx, next, 'the new key');
  if (!beside.taken) throw unknown('Whether the old key is dead', `the new one is refused as well (${beside.says})`);
  return { verdict: 'dead', says: `${says}, and 200 with the new one` };
}

/** The environment holds a key that the named project does not have: of another project, or changed by somebody. */
export function foreignKey(variable: string, project: string): OpsError {
  return new OpsError({
    code: 'KEY_OF_ANOTHER_PROJECT',
    message: `What ${variable} holds is no key of ${project}.`,
    hint: 'Is it the project of this environment? If somebody changed its key by hand, put the new one into the environment first.',
  });
}
