import { type Command, closest, command, type Environment, type LoadedConfig, usageError } from '@drydock/kit';
import { atRestOf } from '../at-rest/files.ts';
import { readOpeners } from '../at-rest/list.ts';
import { secretsConfig } from '../config.ts';
import { isSecret } from '../secret-variable.ts';
import { EnvFiles } from '../store/dotenv.ts';
import { membersOf } from '../team/team.ts';
import { rotatedVariables } from '../variables.ts';

/** What is to be done when somebody leaves: a key that is taken out closes nothing that it has opened before. */
export interface Leaving {
  environments: string[];
  commands: Command[];
  /** Variables that they could open and that are under no rotation, by environment. */
  byHand: { env: string; variables: string[] }[];
}

/** In the environments that they could open, by the config or by what was sealed, in the order of promotion. */
export async function withoutPerson(
  config: LoadedConfig,
  name: string,
  environmentOf: (env: string) => Environment,
): Promise<Leaving> {
  const { recipients, identity } = secretsConfig(config).team;
  const known = new Set(recipients.map((one) => one.name));
  const leaving: Leaving = { environments: [], commands: [], byHand: [] };
  for (const env of Object.keys(config.environments)) {
    const openers = await openersOf(config, env);
    for (const one of openers) known.add(one);
    if (!openers.includes(name) && !membersOf(recipients, env).some((one) => one.name === name)) continue;
    leaving.environments.push(env);
    const reason = `${name} left`;
    if (openers.length > 0) leaving.commands.push(command('secrets:seal', { env, overwrite: true }));
    const rotated = await rotatedVariables(config, environmentOf(env));
    for (const secret of rotated.keys()) leaving.commands.push(command('secrets:rotate', { env, reason }, secret));
    const under = new Set([...rotated.values(), identity].flat());
    const variables = [...new EnvFiles(config, env).read()].flatMap(([variable, { value }]) =>
      isSecret(config, variable, value) && !under.has(variable) ? [variable] : [],
    );
    if (variables.length > 0) leaving.byHand.push({ env, variables });
  }
  if (leaving.environments.length === 0) throw unknownPerson(name, [...known]);
  return leaving;
}

async function openersOf(config: LoadedConfig, env: string): Promise<string[]> {
  const all = await Promise.all(atRestOf(config, env).map(readOpeners));
  return all.flatMap(({ openers = [] }) => openers.map(({ name }) => name));
}

function unknownPerson(name: string, known: readonly string[]) {
  const meant = closest(name, [...known]);
  return usageError(
    'PERSON_UNKNOWN',
    `Nobody of the name ${name} can open anything here.${meant ? ` Did you mean ${meant}?` : ''}`,
    `Those who can: ${known.join(', ') || 'nobody but this checkout (secrets.team names nobody)'}.`,
  );
}
