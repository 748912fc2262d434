import { command, type EnvName, type Finding, type Hint, hint, type TaskContext } from '@drydock/kit';
import { secretsOfVariables } from '@drydock/secrets';

/** What is to be rotated after a hotfix: secrets by the names that people type, and variables that are under no rotation. */
export type Rotations = { secrets: string[]; none: string[] };

export async function rotationsOf(
  { config, environment }: Pick<TaskContext, 'config' | 'environment'>,
  variables: readonly string[],
): Promise<Rotations> {
  return secretsOfVariables(config, environment, variables);
}

export function describeRotations({ secrets, none }: Rotations): string[] {
  return [
    ...(secrets.length > 0 ? [`to be rotated after it: ${secrets.join(', ')}`] : []),
    ...(none.length > 0 ? [`to be rotated by hand after it, since no rotation has it: ${none.join(', ')}`] : []),
  ];
}

/** Each in each environment, the last one first: there customers are. */
export function rotateNext({ secrets }: Rotations, environments: readonly EnvName[]): Hint {
  return environments
    .toReversed()
    .flatMap((env) => secrets.map((name) => command('secrets:rotate', { env, emergency: true, reason: '…' }, name)))
    .reduce((all: Hint, one) => hint`${all}   ${one}`, 'Rotate what is impacted now:');
}

export function byHand({ none }: Rotations): Finding[] {
  return none.map((variable) => ({
    level: 'warn',
    code: 'SECRET_UNROTATED',
    message: `${variable} is under no rotation (secrets.rotate): it is to be rotated by hand now.`,
    hint: 'How: docs/OPERATIONS_SECRETS_ROTATION.md',
  }));
}
