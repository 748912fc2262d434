import { EXIT, OpsError } from '../errors.ts';
import { command, type Hint, hint } from '../hint.ts';
import { formatDuration } from '../output/terminal.ts';
import type { LockHolder } from './types.ts';

/** Of whom only this is known. */
export type Unnamed = Pick<LockHolder, 'run' | 'since'>;

/** Who, since when, doing what, why, and how to break it (exit 5). */
export function lockedError(what: string, holder: LockHolder | Unnamed | undefined, breakCommand: Hint): OpsError {
  return new OpsError({
    code: 'LOCKED',
    message: holder
      ? `${what} is locked by ${describeHolder(holder)}.`
      : `${what} is locked by another operator, who is just starting.`,
    hint: hint`Wait for it to end. If its holder is gone for good: ${breakCommand}`,
    exit: EXIT.locked,
  });
}

export function describeHolder(holder: LockHolder | Unnamed): string {
  const { run, since } = holder;
  const age = formatDuration(Math.max(0, Date.now() - Date.parse(since)));
  if (!('owner' in holder)) return `run ${run}, since ${since} (${age} ago)`;
  const { owner, host, task, reason } = holder;
  return `${owner} on ${host}, running ${task} (run ${run}) since ${since} (${age} ago)${reason ? `, because: ${reason}` : ''}`;
}

export function lostError(what: string): OpsError {
  return new OpsError({
    code: 'LOCK_LOST',
    message: `The lock of ${what} was lost in the middle of the run (its connection ended or it was broken by another operator).`,
    hint: hint`Look at who holds it now with ${command('ops:unlock', { plan: true })}, then go on with --resume.`,
  });
}
