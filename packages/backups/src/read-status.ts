import type { Environment, Finding, LoadedConfig } from '@drydock/kit';
import { readFinished } from './backup.ts';
import { listBackups } from './catalogue.ts';
import { findOverdue, type StoreStatus, statusOf } from './status.ts';
import { openStores } from './store/open.ts';

export interface BackupStatus {
  /** One a store, in the config's order. */
  statuses: StoreStatus[];
  /** Of the newest dump, in the clear. */
  plainBytes: number | undefined;
  /** What is past its limit. */
  findings: Finding[];
}

/** How old backups and drills of an environment are, asked of every store. */
export async function readBackupStatus(
  config: LoadedConfig,
  environment: Environment,
  now: Date,
): Promise<BackupStatus> {
  const { limits } = config.backups;
  const env = environment.name;
  const stores = openStores(config, environment);
  const listed = await Promise.all(stores.map((store) => listBackups(store, env)));
  const statuses = stores.map((store, at) => statusOf(store.label, listed[at] ?? [], limits, now));
  const [newest] = (listed[0] ?? []).filter(({ finished }) => finished);
  const manifest = newest && stores[0] ? await readFinished(stores[0], env, newest.id) : undefined;
  const plainBytes = manifest?.plain.bytes;
  return { statuses, plainBytes, findings: findOverdue(env, statuses, { limits, plainBytes, now }) };
}
