import { type Environment, type LoadedConfig, usageError } from '@drydock/kit';
import type { StoreConfig } from '../config/stores.ts';
import { secretsConfig } from '../config.ts';
import type { Team } from '../team/team.ts';
import { dotenvStore } from './dotenv.ts';
import type { SecretStore } from './types.ts';

type Open = (config: LoadedConfig, environment: Environment, team: Team) => SecretStore;

const KINDS: Partial<Record<StoreConfig['kind'], Open>> = { env: dotenvStore };

/** Those that a secret names, in its order: the first is read. */
export function storesOf(
  config: LoadedConfig,
  environment: Environment,
  team: Team,
  names: readonly string[],
): SecretStore[] {
  const { stores } = secretsConfig(config);
  return names.map((name) => {
    const store = stores[name];
    const open = store && KINDS[store.kind];
    if (open) return open(config, environment, team);
    throw usageError(
      'STORE_UNKNOWN',
      `secrets.stores of the config has no "${name}".`,
      `There are: ${Object.keys(stores).join(', ')}.`,
    );
  });
}
