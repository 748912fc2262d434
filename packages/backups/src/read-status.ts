import type { Environment, Finding, LoadedConfig } from '@drydock/kit';
import type { Listed } from './catalogue.ts';
import { backupsSection } from './config/backups.ts';
import type { Manifest } from './manifest.ts';
import { notes } from './notes.ts';
import { isAhead, listOwn, type Opened, openBackup, type Readable, type Shelf } from './reader.ts';
import { findOverdue, type StoreStatus, statusOf } from './status.ts';
import { openStores } from './store/open.ts';
import type { Store } from './store/types.ts';
import { type Pinned, signersOf, unsignedBecause, untrusted } from './trust.ts';

export interface BackupStatus {
  /** One a store, in the config's order. */
  statuses: StoreStatus[];
  /** Of the newest dump, in the clear. */
  plainBytes: number | undefined;
  /** The newest that is good, in whichever store. */
  newest: Manifest | undefined;
  /** What is past its limit, and what was passed over. */
  findings: Finding[];
}

/** How old backups and drills of an environment are, asked of every store. What is not good, or not ours, is no backup here. */
export async function readBackupStatus(
  config: LoadedConfig,
  environment: Environment,
  now: Date,
): Promise<BackupStatus> {
  const { limits } = backupsSection.of(config);
  const env = environment.name;
  const shelf = { env, product: config.product };
  const pinned = signersOf(config, environment);
  const stores = await Promise.all(
    openStores(config, environment).map(async (store) => ({ store, ...(await lookInto(store, shelf, pinned, now)) })),
  );
  const statuses = stores.map(({ store, backups }) => statusOf(store.label, backups, limits, now));
  const plainBytes = stores.find(({ newest }) => newest)?.newest?.manifest.plain.bytes;
  const good = stores.flatMap(({ newest }) => (newest ? [newest.manifest] : []));
  return {
    statuses,
    plainBytes,
    newest: good.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))[0],
    findings: [
      ...stores.flatMap(({ findings }) => findings),
      ...findOverdue(env, statuses, { limits, plainBytes, now }),
    ],
  };
}

/** Newest first, as far as the first that is good; what lies before it is told, as it is in the way. */
async function lookInto(store: Store, shelf: Shelf, pinned: Pinned[], now: Date) {
  const listed = await listOwn(store, shelf);
  const findings: Finding[] = [];
  const passed = new Set<string>();
  let newest: Readable | undefined;
  for (const one of listed.filter(({ finished }) => finished)) {
    if (newest) break;
    if (isAhead(one, now)) findings.push(notes.ahead(one.id));
    else {
      const opened = await openBackup(store, shelf, one.id);
      if (opened.state === 'good' && unsignedBecause(pinned, opened) === undefined) newest = opened;
      else findings.push(...inTheWay(`${one.id} in ${store.label}`, opened, pinned, shelf.env));
    }
    if (!newest) passed.add(one.id);
  }
  const backups: Listed[] = listed.filter(({ id }) => !passed.has(id));
  return { backups, newest, findings };
}

/** A newest backup that cannot be used is as good as none: somebody has to look. */
function inTheWay(label: string, opened: Opened, pinned: Pinned[], env: string): Finding[] {
  if (opened.state !== 'good') return notes.broken(label, opened, env).map((note) => ({ ...note, level: 'error' }));
  const { code, message, hint } = untrusted(label, unsignedBecause(pinned, opened) ?? '', env);
  return [{ level: 'error', code, message, hint }];
}
