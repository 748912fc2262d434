import { command } from '@drydock/kit';
import type { Opened } from './reader.ts';
import { forged, type Note } from './trust.ts';

/** What is said of backups that are passed over, wherever they are met. */
export const notes = {
  ahead: (id: string): Note => ({
    level: 'warn',
    code: 'BACKUP_AHEAD',
    message: `${id} is dated later than now, and is the newest of nothing: a clock was wrong, or this one is.`,
    hint: `Compare the clocks. It can still be named: --from ${id}`,
  }),
  damaged: (label: string, why: string, env: string): Note => ({
    level: 'warn',
    code: 'BACKUP_DAMAGED',
    message: `${label} is passed over: ${why}.`,
    hint: command('backup:verify', { env, all: true }),
  }),
  /** None for what is good. */
  broken(label: string, opened: Opened, env: string): Note[] {
    if (opened.state === 'damaged') return [notes.damaged(label, opened.why, env)];
    if (opened.state !== 'forged') return [];
    const { code, message, hint } = forged(label, opened.why, env);
    return [{ level: 'warn', code, message, hint }];
  },
};
