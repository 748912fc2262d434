import { notes } from '../notes.ts';
import { isAhead, listOwn, openAll, type Shelf } from '../reader.ts';
import type { Store } from '../store/types.ts';
import { type Note, type Pinned, unsignedBecause } from '../trust.ts';
import type { Judged } from './plan.ts';

/** Every backup of the product is opened before any is deleted: what is broken must not be kept in the place of what is good. */
export async function judgeBackups(
  store: Store,
  shelf: Shelf,
  pinned: Pinned[],
  now: Date,
): Promise<{ backups: Judged[]; findings: Note[] }> {
  const listed = await listOwn(store, shelf);
  const findings: Note[] = [];
  const opened = await openAll(
    store,
    shelf,
    listed.filter(({ finished }) => finished),
  );
  const finished = opened.flatMap(({ opened: read, ...backup }): Judged[] => {
    // Whatever its mark says.
    if (read.state === 'foreign') return [];
    const label = `${backup.id} in ${store.label}`;
    findings.push(...notes.broken(label, read, shelf.env));
    if (read.state !== 'good') return [{ ...backup, uncounted: `no good backup (${read.state}), and so not deleted` }];
    if (!isAhead(backup, now)) return [{ ...backup, unsigned: unsignedBecause(pinned, read) !== undefined }];
    findings.push(notes.ahead(backup.id));
    return [{ ...backup, uncounted: 'dated later than now' }];
  });
  return { backups: [...finished, ...listed.filter((backup) => !backup.finished)], findings };
}
