import { closest, type OpsError, usageError } from '@drydock/kit';
import type { StoreConfig } from '../config/stores.ts';
import { secretsConfig } from '../config.ts';
import { commandStore } from './command.ts';
import { dotenvStore } from './dotenv.ts';
import type { Place } from './place.ts';
import type { SecretStore } from './types.ts';

/** Those that a secret names, in its order: the first is read, all are written. */
export function storesOf(place: Place, names: readonly string[]): SecretStore[] {
  const { stores } = secretsConfig(place.config);
  return names.map((name) => {
    const store = stores[name];
    if (store) return storeOf(place, name, store);
    throw unknownStore(name, Object.keys(stores));
  });
}

function storeOf(place: Place, name: string, store: StoreConfig): SecretStore {
  switch (store.kind) {
    case 'env':
      return dotenvStore(place);
    case 'command':
      return commandStore(place, name, store);
    case 'aws':
      return whenUsed(name, async () => (await import('./aws.ts')).awsStore(place, name, store));
  }
}

/** Its libraries are loaded when it is first asked for something. */
function whenUsed(label: string, open: () => Promise<SecretStore>): SecretStore {
  let opened: Promise<SecretStore> | undefined;
  const store = () => {
    opened ??= open();
    return opened;
  };
  return {
    label,
    refuse: async (variables) => (await store()).refuse(variables),
    read: async (variables) => (await store()).read(variables),
    write: async (values) => (await store()).write(values),
  };
}

function unknownStore(name: string, known: readonly string[]): OpsError {
  const meant = closest(name, [...known]);
  return usageError(
    'STORE_UNKNOWN',
    `secrets.stores of the config has no "${name}".${meant ? ` Did you mean ${meant}?` : ''}`,
    `There are: ${known.join(', ')}.`,
  );
}
