import { command, EXIT, hint, OpsError } from '@drydock/kit';
import { type Listed, listBackups } from '../catalogue.ts';
import { foldersOf, MANIFEST } from '../names.ts';
import { openBackup, type Shelf } from '../reader.ts';
import type { Store } from '../store/types.ts';
import { type Decision, marksOf } from './plan.ts';

export type Pruned = {
  /** Backups, and leftovers of such, of which nothing is there any more. */
  deleted: number;
  swept: number;
  /** What the store does not give up. */
  refused: { key: string; reason: string }[];
  /** What went is only hidden. */
  versioned: boolean;
  /** Marked since it was decided. */
  spared: { id: string; reason: string }[];
};

/** So many go in one call of S3 (1,000 keys, three beside each manifest): the marks are read again before each. */
const AT_ONCE = 330;
const DAY_MS = 86_400_000;

/**
 * Deletes what was decided, however long ago that was: the marks of that moment count, and one good backup must still be
 * there. Manifests first: what a kill leaves of a backup is then no backup, and goes as a leftover.
 */
export async function pruneStore(store: Store, shelf: Shelf, decisions: Decision[]): Promise<Pruned> {
  const pruned: Pruned = { deleted: 0, swept: 0, refused: [], spared: [], versioned: false };
  const going = decisions.filter(({ keep }) => !keep).map(({ id }) => id);
  if (going.length > 0) await refuseToDeleteTheLast(store, shelf, decisions);
  let folders = foldersOf(shelf);
  for (let at = 0; at < going.length; at += AT_ONCE) {
    const listed = await listBackups(store, shelf, folders);
    // Where nothing of ours lies, nothing comes while we hold the lock.
    folders = folders.filter((folder) => listed.some((one) => one.folder.startsWith(`${folder}/`)));
    await deleteSome(store, listed, new Set(going.slice(at, at + AT_ONCE)), pruned);
  }
  for (const folder of foldersOf(shelf))
    pruned.swept += (await store.sweep(`${folder}/`, new Date(Date.now() - DAY_MS))).length;
  pruned.versioned = store.keepsVersions ?? false;
  return pruned;
}

async function deleteSome(store: Store, listed: Listed[], going: Set<string>, pruned: Pruned): Promise<void> {
  const there = listed.filter(({ id }) => going.has(id));
  const marked = there.flatMap((backup) => marksOf(backup, new Date()).map((reason) => ({ id: backup.id, reason })));
  pruned.spared.push(...marked);
  const free = there.filter(({ id }) => marked.every((one) => one.id !== id));
  const manifests = await remove(store, free.flatMap(manifestOf));
  // One whose manifest the store keeps stays whole.
  const kept = new Set(manifests.map(({ key }) => key));
  const open = free.filter((backup) => manifestOf(backup).every((key) => !kept.has(key)));
  const rest = await remove(
    store,
    open.flatMap(({ keys }) => keys.filter((key) => !isManifest(key))),
  );
  const left = new Set(rest.map(({ key }) => key));
  pruned.refused.push(...manifests, ...rest);
  pruned.deleted += open.filter(({ keys }) => keys.every((key) => !left.has(key))).length;
}

const isManifest = (key: string) => key.endsWith(`/${MANIFEST}`);
const manifestOf = ({ keys }: Listed) => keys.filter(isManifest);

async function remove(store: Store, keys: string[]) {
  return keys.length > 0 ? store.remove(keys) : [];
}

/** A plan of long ago may have kept what is not there any more. */
async function refuseToDeleteTheLast(store: Store, shelf: Shelf, decisions: Decision[]): Promise<void> {
  for (const { id } of decisions.filter(({ keep }) => keep))
    if ((await openBackup(store, shelf, id)).state === 'good') return;
  const listed = await listBackups(store, shelf);
  const going = new Set(decisions.filter(({ keep }) => !keep).map(({ id }) => id));
  if (!listed.some(({ id, finished }) => finished && going.has(id))) return;
  throw new OpsError({
    code: 'PRUNES_LAST',
    message: `None of the backups that would stay in ${store.label} is good any more: nothing was deleted there.`,
    hint: hint`Make one, then prune again: ${command('db:backup', { env: shelf.env })}`,
    exit: EXIT.refused,
  });
}
