import { createHash } from 'node:crypto';
import { DUMP, foldersOf, MANIFEST, type Shelf, timeOf } from './names.ts';
import type { Store, StoredObject } from './store/types.ts';

/** One backup as a store's listing shows it; nothing is opened for that. */
export interface Listed {
  id: string;
  /** Before its keys, without the last `/`. */
  folder: string;
  at: Date;
  /** It has a manifest. */
  finished: boolean;
  /** Of all its objects. */
  bytes: number;
  dumpBytes: number;
  keys: string[];
  /** Reasons not to delete it: `hold`, `drill`, `locked until …`. */
  marks: Mark[];
  /** Name of the mark that says whose it is; undefined where a version before this one made it. What counts is the manifest. */
  owner: string | undefined;
}

export type Mark =
  | { kind: 'hold'; key: string }
  | { kind: 'drill'; at: string; key: string }
  /** The store's own lock, as far as we asked for it. */
  | { kind: 'locked'; until: string; key: string };

/** Marks are empty objects beside the dump: their names say it all, so that one listing tells about every backup. */
export const markName = {
  hold: 'hold',
  drill: (time: string) => `drill-${time}`,
  locked: (until: string) => `locked-until-${until}`,
  /** Two products may share a store. */
  owner: (product: string) => `of-${createHash('sha256').update(product).digest('hex').slice(0, 16)}`,
};

/** A mark has no content. */
export async function* noBytes(): AsyncIterable<Uint8Array> {}

/**
 * Backups of an environment in one store, newest first. What has no backup's name is none of ours. Where keys carry no product yet,
 * those of other products may be among them.
 */
export async function listBackups(store: Store, shelf: Shelf, folders = foldersOf(shelf)): Promise<Listed[]> {
  const listed = await Promise.all(folders.map(async (folder) => groupBackups(folder, await store.list(`${folder}/`))));
  return listed.flat().sort(newestFirst);
}

const newestFirst = (a: Listed, b: Listed) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

/** Of what lies right below a folder. */
export function groupBackups(folder: string, objects: StoredObject[]): Listed[] {
  const byId = new Map<string, StoredObject[]>();
  for (const object of objects) {
    if (!object.key.startsWith(`${folder}/`)) continue;
    const [id, name, ...deeper] = object.key.slice(folder.length + 1).split('/');
    if (!id || !name || name === '..' || deeper.length > 0) continue;
    byId.set(id, [...(byId.get(id) ?? []), object]);
  }
  return [...byId]
    .flatMap(([id, found]): Listed[] => {
      const at = timeOf(id);
      if (!at) return [];
      const named = (name: string) => found.find(({ key }) => key.endsWith(`/${name}`));
      return [
        {
          id,
          folder: `${folder}/${id}`,
          at,
          finished: named(MANIFEST) !== undefined,
          bytes: found.reduce((sum, { bytes }) => sum + bytes, 0),
          dumpBytes: named(DUMP)?.bytes ?? 0,
          keys: found.map(({ key }) => key),
          marks: found.flatMap(({ key }) => markOf(key)),
          owner: found.map(({ key }) => key.split('/').at(-1)).find((name) => /^of-[0-9a-f]{16}$/.test(name ?? '')),
        },
      ];
    })
    .sort(newestFirst);
}

/** Whether a name beside a backup is that of a mark. */
export function isMark(name: string): boolean {
  return /^of-[0-9a-f]{16}$/.test(name) || markOf(name).length > 0;
}

function markOf(key: string): Mark[] {
  const name = key.split('/').at(-1) ?? '';
  if (name === markName.hold) return [{ kind: 'hold', key }];
  const [, kind, time = ''] = /^(drill|locked-until)-(\d{8}T\d{6}Z)$/.exec(name) ?? [];
  if (kind === 'drill') return [{ kind, at: time, key }];
  return kind ? [{ kind: 'locked', until: time, key }] : [];
}
