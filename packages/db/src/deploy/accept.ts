import { command, hint, usageError } from '@drydock/kit';
import { isCode, wouldFail } from '../codes.ts';

/** What fails cannot be wished away. */
export function isAcceptable(code: string): boolean {
  return isCode(code) && !wouldFail(code);
}

export function refuseUnknownCodes(accept: string[]): void {
  const bad = accept.find((code) => !isAcceptable(code));
  if (bad)
    throw usageError(
      'ACCEPT_UNKNOWN',
      isCode(bad) ? `${bad} cannot be accepted: it would fail.` : `${bad} is no code of a hazard.`,
      hint`The codes: ${command('db:dry-run', { codes: true })}`,
    );
}
