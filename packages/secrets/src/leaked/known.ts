import { type Environment, type LoadedConfig, parseEnv, Secret } from '@drydock/kit';
import { atRestOf, textOf } from '../at-rest/files.ts';
import { openIfOurs } from '../at-rest/opened.ts';
import { secretsConfig } from '../config.ts';
import { withSecretRecord } from '../record/record.ts';
import type { Generation } from '../record/types.ts';
import { isSecret } from '../secret-variable.ts';
import { within } from '../status/bounded.ts';
import { EnvFiles } from '../store/dotenv.ts';
import { openPrevious, previousOf } from '../store/previous.ts';
import { storesOf } from '../store/stores.ts';
import { teamOf } from '../team/team.ts';
import { rotatedVariables } from '../variables.ts';

/** A value of an environment, as it stands somewhere. */
export interface Known {
  env: string;
  variable: string;
  value: string;
  /** `.env.staging`, `vault` */
  where: string;
  /** It is what the environment has today; otherwise what it had before, or will have. */
  current: boolean;
}

export interface KnownOf {
  known: Known[];
  generations: Generation[];
  /** Variables of each secret under rotation. */
  rotated: ReadonlyMap<string, readonly string[]>;
  /** What could not be asked, and why: nothing is known of that. */
  unknown: string[];
}

const RECORD_MS = 8_000;

/** Every secret that an environment has, had or is to have, as far as this checkout can tell. */
export async function knownOf(config: LoadedConfig, environment: Environment, signal: AbortSignal): Promise<KnownOf> {
  const env = environment.name;
  const team = teamOf(config, environment);
  const unknown: string[] = [];
  const known: Known[] = [];
  const add = (variable: string, value: string, where: string, current: boolean) => {
    if (isSecret(config, variable, value)) known.push({ env, variable, value, where, current });
  };
  for (const [name, { value, file }] of new EnvFiles(config, env).read()) add(name, value, file, true);
  for (const rest of atRestOf(config, env)) {
    const sealed = textOf(rest.sealed);
    if (sealed === undefined) continue;
    const text = await openIfOurs(team, sealed, rest.sealedName);
    if (text === undefined) unknown.push(`${rest.sealedName}, which your key does not open`);
    else for (const [name, value] of Object.entries(parseEnv(text))) add(name, value, rest.sealedName, true);
  }
  for (const one of previousOf(config, env)) {
    const read = await within(openPrevious(one, team), RECORD_MS);
    if ('why' in read) unknown.push(`what ${one.of} held before: ${read.why}`);
    else for (const [name, value] of Object.entries(valuesIn(read.told))) add(name, value, one.of, false);
  }
  const rotated = await rotatedVariables(config, environment);
  for (const [name, secret] of Object.entries(secretsConfig(config).rotate))
    for (const store of storesOf(
      { config, environment, team, signal },
      secret.stores.filter((one) => !isEnvStore(config, one)),
    )) {
      const read = await within(store.read(rotated.get(name) ?? []), RECORD_MS);
      if ('why' in read) unknown.push(`what ${store.label} holds for ${env}: ${read.why}`);
      else
        for (const [variable, value] of Object.entries(read.told))
          if (value) add(variable, value.reveal(), store.label, true);
    }
  return { known, unknown, rotated, generations: await generationsOf(config, environment, unknown) };
}

async function generationsOf(config: LoadedConfig, environment: Environment, unknown: string[]): Promise<Generation[]> {
  const read = await within(
    withSecretRecord(config, environment, (record) => record.generations()),
    RECORD_MS,
  );
  if ('told' in read) return read.told;
  // Without a database there is no record.
  if (!/^\w+ is not set for /.test(read.why)) unknown.push(`the record of ${environment.name}: ${read.why}`);
  return [];
}

function isEnvStore(config: LoadedConfig, name: string): boolean {
  return secretsConfig(config).stores[name]?.kind === 'env';
}

/** A kept version is an env file, or what another store held: JSON. */
function valuesIn(text: string): Record<string, string> {
  return text.startsWith('{"') ? (JSON.parse(text) as Record<string, string>) : parseEnv(text);
}

export function fingerprintOf(value: string): string {
  return new Secret(value, 'what has leaked').fingerprint();
}
