import { counted } from '@drydock/kit';
import type { Straggler } from './types.ts';

interface OldBackup {
  id: string;
  /** As the store calls itself. */
  store: string;
  at: Date;
}

/** Backups that need the old key still, one line a store. `state`: what they need it for. Newest first. */
export function oldBackups(left: readonly OldBackup[], state: string): Straggler[] {
  return [...Map.groupBy(left, ({ store }) => store)].map(([host, ones]) => {
    const [newest] = ones as [OldBackup];
    return {
      who: `${counted(ones.length, 'backup')}, the newest ${newest.id}`,
      host,
      pid: '',
      ageSeconds: Math.max(0, Math.round((Date.now() - newest.at.getTime()) / 1_000)),
      state,
    };
  });
}
