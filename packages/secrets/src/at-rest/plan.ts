import { command, EXIT, hint, OpsError, parseEnv, usageError } from '@drydock/kit';
import { isSecret } from '../secret-variable.ts';
import type { Place } from '../store/place.ts';
import { differing } from './compare.ts';
import { type AtRest, atRestOf, textOf } from './files.ts';
import { openIfOurs } from './opened.ts';
import { isAsSeen, seenOf } from './seen.ts';

type At = Pick<Place, 'config' | 'environment' | 'team'>;

/** One file that is to be written, by its name: the others are as they should be. */
export type Writing = {
  name: string;
  /** Names of the variables that become other ones; undefined where nobody could tell. */
  variables: string[] | undefined;
};

/** What secrets:seal would write. Refuses what would lose what somebody else has sealed, unless that is meant. */
export async function planSeal(at: At, overwrite: boolean): Promise<Writing[]> {
  const { config, environment } = at;
  const files = atRestOf(config, environment.name).filter((rest) => textOf(rest.file) !== undefined);
  const holding = files.filter(
    (rest) => textOf(rest.sealed) !== undefined || namesIn(textOf(rest.file) ?? '', config).length > 0,
  );
  if (holding.length === 0) throw nothingToSeal(environment.name);
  const plans = [];
  for (const rest of holding) plans.push(await planSealed(at, rest, overwrite));
  return plans.filter((one) => one !== undefined);
}

async function planSealed(at: At, rest: AtRest, overwrite: boolean): Promise<Writing | undefined> {
  const [text = '', sealed] = [textOf(rest.file), textOf(rest.sealed)];
  if (sealed === undefined) return { name: rest.name, variables: namesIn(text, at.config) };
  const before = await openIfOurs(at.team, sealed, rest.sealedName);
  if (before === text) return undefined;
  const variables = before === undefined ? undefined : differing(before, text);
  const seen = seenOf(at.config, rest.sealedName);
  // What it holds is what was sealed or opened here, or it holds the same: nobody else's is lost.
  if (overwrite || isAsSeen(seen, 'sealed', sealed) || variables?.length === 0) return { name: rest.name, variables };
  throw othersSealed(rest, variables, at.environment.name);
}

/** What secrets:open would write. Refuses to replace what was changed here and is not sealed, unless that is meant; `must`: something has to be sealed. */
export async function planOpen(at: At, overwrite: boolean, must = true): Promise<Writing[]> {
  const { config, environment } = at;
  const files = atRestOf(config, environment.name).filter((rest) => textOf(rest.sealed) !== undefined);
  if (files.length === 0 && must) throw nothingAtRest(environment.name);
  const plans: Writing[] = [];
  for (const rest of files) {
    const text = await at.team.open(textOf(rest.sealed) ?? '', rest.sealedName);
    const here = textOf(rest.file);
    if (here === text) continue;
    const variables = differing(here ?? '', text);
    const unchanged = here === undefined || isAsSeen(seenOf(config, rest.sealedName), 'plain', here);
    if (!overwrite && !unchanged && variables.length > 0) throw changedHere(rest, variables, environment.name);
    plans.push({ name: rest.sealedName, variables });
  }
  return plans;
}

/** The one that was named; by itself the only one. */
export function oneAtRest({ config, environment }: At, name: string | undefined): AtRest {
  const all = atRestOf(config, environment.name).filter((rest) => textOf(rest.sealed) !== undefined);
  const [first, ...more] = name === undefined ? all : all.filter((one) => [one.name, one.sealedName].includes(name));
  if (first && more.length === 0) return first;
  if (all.length === 0) throw nothingAtRest(environment.name);
  throw usageError(
    'USAGE',
    name === undefined
      ? `${environment.name} has several files at rest.`
      : `${environment.name} has no file ${name} at rest.`,
    hint`Name one of ${all.map((one) => one.sealedName).join(', ')}: ${command('secrets:edit', { file: all[0]?.sealedName ?? '…' })}`,
  );
}

function namesIn(text: string, config: At['config']): string[] {
  return Object.entries(parseEnv(text)).flatMap(([name, value]) => (isSecret(config, name, value) ? [name] : []));
}

function nothingToSeal(env: string): OpsError {
  return usageError(
    'NOTHING_TO_SEAL',
    `No env file of ${env} holds a secret: what every environment reads (.env, .env.local) is not sealed for one.`,
    `Put it into .env.${env}, or say in drydock.config.ts that it is one: variables: { NAME: { secret: true, … } }`,
  );
}

function nothingAtRest(env: string): OpsError {
  return usageError(
    'NOTHING_AT_REST',
    `Nothing is kept at rest for ${env}: there is no .env.${env}.age in any folder of envDirs.`,
    hint`Write one from the env file: ${command('secrets:seal')}`,
  );
}

function othersSealed({ name, sealedName }: AtRest, variables: string[] | undefined, env: string): OpsError {
  return new OpsError({
    code: 'SEALED_DIFFERS',
    message: variables
      ? `${sealedName} was sealed by somebody else since, and holds other values than ${name}: ${variables.join(', ')}.`
      : `${sealedName} was sealed by somebody else since, and your key does not open it: what would be lost cannot be told.`,
    hint: hint`Take theirs: ${command('secrets:open', { env })}   Or seal yours over it: ${command('secrets:seal', { env, overwrite: true })}`,
    exit: EXIT.refused,
  });
}

function changedHere({ name, sealedName }: AtRest, variables: string[], env: string): OpsError {
  return new OpsError({
    code: 'ENV_FILE_DIFFERS',
    message: `${name} was changed here, and has other values than ${sealedName}: ${variables.join(', ')}.`,
    hint: hint`Keep yours: ${command('secrets:seal', { env })}   Or take what is sealed: ${command('secrets:open', { env, overwrite: true })}`,
    exit: EXIT.refused,
  });
}
