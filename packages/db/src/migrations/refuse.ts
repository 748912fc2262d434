import { command, hint, OpsError } from '@drydock/kit';
import { toldAttempt } from './attempt.ts';
import type { MigrationState } from './compare.ts';

/** A history that cannot be gone on with safely is refused, with the way out. */
export function refuseUnsound({ failed, edited, missing, attempts }: MigrationState): void {
  const [first] = failed;
  if (first) {
    const attempt = attempts.find(({ name }) => name === first.name);
    throw new OpsError({
      code: 'MIGRATION_FAILED_BEFORE',
      message: `The migration ${first.name} was begun and did not end${attempt ? `: ${toldAttempt(attempt)}` : ''}.`,
      hint: hint`Look at what it left, mend it, then: ${command('db:resolve', { rolledBack: first.name })}   (or --applied, if all of it is there)`,
    });
  }
  if (edited[0]) {
    throw new OpsError({
      code: 'MIGRATION_EDITED',
      message: `${edited.join(', ')} was changed after it was applied.`,
      hint: 'Put the file back as it was, and make the change in a new migration.',
    });
  }
  if (missing[0]) {
    throw new OpsError({
      code: 'MIGRATION_MISSING',
      message: `The database has ${missing.join(', ')}, which this checkout has not.`,
      hint: 'Check out the version that has it: a newer release was deployed from another branch.',
    });
  }
}
