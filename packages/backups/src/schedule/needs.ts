import { databaseSection, type LoadedConfig } from '@drydock/kit';
import type { StoreConfig } from '../config/backups.ts';
import { backupsSection } from '../config/backups.ts';

/** Variables that a job uses. The key that opens is for drills alone, the one that signs for backups alone. */
export function variablesOf(config: LoadedConfig, kind: 'backup' | 'prune' | 'drill' | 'check'): string[] {
  const backups = backupsSection.of(config);
  const pinned = backups.signers.flatMap((signer) => ('variable' in signer ? [signer.variable] : []));
  const signing = kind === 'backup' && backups.signers.length > 0 ? [backups.signingKey] : [];
  const keys = [backups.recipients, ...signing, ...pinned, ...(kind === 'drill' ? [backups.identity] : [])];
  return [
    ...new Set([databaseSection.of(config).url, ...keys, ...backups.stores.flatMap(storeVariables), 'SENTRY_DSN']),
  ];
}

function storeVariables(store: StoreConfig): string[] {
  if (store.kind === 'file') return [];
  return [store.bucket, store.endpoint, store.region, store.accessKeyId, store.secretAccessKey];
}

/** Folders that backups are written to; none if all of them go to a server. */
export function storeFolders(config: LoadedConfig): string[] {
  return backupsSection.of(config).stores.flatMap((store) => (store.kind === 'file' ? [config.path(store.path)] : []));
}

/** Would what is backed up by a machine that is thrown away be gone with it? */
export function keepsNothingElsewhere(config: LoadedConfig): boolean {
  return backupsSection.of(config).stores.every(({ kind }) => kind === 'file');
}
