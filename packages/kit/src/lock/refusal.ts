import { EXIT, OpsError } from '../errors.ts';
import { formatDuration } from '../output/terminal.ts';
import type { LockHolder } from './types.ts';

/** Who, since when, doing what, why, and how to break it (exit 5). */
export function lockedError(what: string, holder: LockHolder | undefined, breakCommand: string): OpsError {
  return new OpsError({
    code: 'LOCKED',
    message: holder
      ? `${what} is locked by ${describeHolder(holder)}.`
      : `${what} is locked by another operator, who is just starting.`,
    hint: `Wait for it to end. If its holder is gone for good: ${breakCommand}`,
    exit: EXIT.locked,
  });
}

export function describeHolder({ owner, host, task, run, reason, since }: LockHolder): string {
  const age = formatDuration(Math.max(0, Date.now() - Date.parse(since)));
  return `${owner} on ${host}, running ${task} (run ${run}) since ${since} (${age} ago)${reason ? `, because: ${reason}` : ''}`;
}

export function lostError(what: string): OpsError {
  return new OpsError({
    code: 'LOCK_LOST',
    message: `The lock of ${what} was lost in the middle of the run (its connection ended or it was broken by another operator).`,
    hint: 'Look at who holds it now with npm run ops:unlock -- --plan, then go on with --resume.',
  });
}
