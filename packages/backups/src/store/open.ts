import { type Environment, type LoadedConfig, together, usageError } from '@drydock/kit';
import type { StoreConfig } from '../config/backups.ts';
import { backupsSection } from '../config/backups.ts';
import { FileStore } from './file.ts';
import { S3Store } from './s3.ts';
import type { Store } from './types.ts';

/** The stores of the configuration, in its order. */
export function openStores(config: LoadedConfig, environment: Environment): Store[] {
  return together(backupsSection.of(config).stores.map((store) => () => openStore(store, config, environment)));
}

export function openStore(store: StoreConfig, config: LoadedConfig, environment: Environment): Store {
  if (store.kind === 'file') return new FileStore(config.path(store.path));
  const [id, secret] = [environment.get(store.accessKeyId), environment.get(store.secretAccessKey)];
  if (Boolean(id) !== Boolean(secret))
    throw usageError(
      'STORE_KEYS_INCOMPLETE',
      `Of ${store.accessKeyId} and ${store.secretAccessKey} only one is set.`,
      'Set both, or neither: then the role of the machine is used.',
    );
  return new S3Store({
    ...store,
    bucket: environment.require(store.bucket),
    endpoint: environment.get(store.endpoint),
    region: environment.get(store.region) ?? 'us-east-1',
    credentials: id && secret ? { accessKeyId: id, secretAccessKey: secret } : undefined,
    serverSideEncryption: store.serverSideEncryption,
    kmsKeyId: store.kmsKeyId,
    objectLock: store.objectLockDays !== undefined,
  });
}
