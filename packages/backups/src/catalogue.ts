import { DUMP, MANIFEST, timeOf } from './names.ts';
import type { Store, StoredObject } from './store/types.ts';

/** One backup as a store's listing shows it; nothing is opened for that. */
export interface Listed {
  id: string;
  at: Date;
  /** It has a manifest. */
  finished: boolean;
  /** Of all its objects. */
  bytes: number;
  dumpBytes: number;
  keys: string[];
  /** Reasons not to delete it: `hold`, `drill`, `locked until …`. */
  marks: Mark[];
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
};

/** Backups of an environment in one store, newest first. What has no backup's name is none of ours. */
export async function listBackups(store: Store, env: string): Promise<Listed[]> {
  return groupBackups(env, await store.list(`${env}/`));
}

export function groupBackups(env: string, objects: StoredObject[]): Listed[] {
  const byId = new Map<string, StoredObject[]>();
  for (const object of objects) {
    const [first, id, name] = object.key.split('/');
    if (first !== env || !id || !name) continue;
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
          at,
          finished: named(MANIFEST) !== undefined,
          bytes: found.reduce((sum, { bytes }) => sum + bytes, 0),
          dumpBytes: named(DUMP)?.bytes ?? 0,
          keys: found.map(({ key }) => key),
          marks: found.flatMap(({ key }) => markOf(key)),
        },
      ];
    })
    .sort((a, b) => (a.id < b.id ? 1 : -1));
}

function markOf(key: string): Mark[] {
  const name = key.split('/').at(-1) ?? '';
  if (name === markName.hold) return [{ kind: 'hold', key }];
  const [, kind, time = ''] = /^(drill|locked-until)-(\d{8}T\d{6}Z)$/.exec(name) ?? [];
  if (kind === 'drill') return [{ kind, at: time, key }];
  return kind ? [{ kind: 'locked', until: time, key }] : [];
}
