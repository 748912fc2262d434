import { command, type Finding, hint, OpsError } from '@drydock/kit';
import { toldAttempt } from './attempt.ts';
import type { MigrationState } from './compare.ts';
import type { Squash } from './squashes.ts';

/** A history that cannot be gone on with safely is refused, with the way out. */
export function refuseUnsound({ failed, edited, missing, attempts, partly, doubled }: MigrationState): void {
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
      hint: hint`Check out the version that has it: a newer release was deployed from another branch. Given up for good, or squashed: ${command('db:resolve', { forget: missing[0] })}`,
    });
  }
  const [double, part] = [doubled[0], partly[0]];
  if (double) throw new OpsError(squashUnfinished(double));
  if (part) throw new OpsError(squashPartly(part));
}

/** Both the squash and what it stands for are in the folder. */
export function squashUnfinished(name: string) {
  return {
    code: 'SQUASH_UNFINISHED',
    message: `${name} stands beside migrations that it takes the place of: db:squash did not come to its end.`,
    hint: hint`Go on with it: ${command('db:squash', { resume: true })}   (or bring the folder back as it was: git checkout, git clean)`,
  };
}

/** What a squash makes is there in part: neither can it be run, nor recorded. */
export function squashPartly({ name, has, lacks }: Squash) {
  const said = lacks.slice(0, 5).join(', ');
  return {
    code: 'SQUASH_PARTLY',
    message: `${name} stands for migrations of which the database has ${has.length} and lacks ${lacks.length}: ${said}${lacks.length > 5 ? ' and more' : ''}.`,
    hint: hint`Deploy the last version that has them, then this one: git checkout "$(git log -1 --format=%h --diff-filter=A -- '*/${name}/squashed.json')~1", ${command('db:deploy')}`,
  };
}

/** How a database stands to the squashes of the folder, where that is not as it should be in the end. */
export function squashFindings({ partly, doubled, squashed, byHand }: MigrationState): Finding[] {
  return [
    ...[...doubled.map(squashUnfinished), ...partly.map(squashPartly)].map(
      (said): Finding => ({ level: 'error', ...said }),
    ),
    ...squashed.map(
      (name): Finding => ({
        level: 'info',
        code: 'SQUASH_UNRECORDED',
        message: `${name} stands for migrations that are all applied: the next deploy records it, and runs nothing of it.`,
        hint: hint`${command('db:deploy')}, or for Prisma's CLI: ${command('db:resolve', { applied: name })}`,
      }),
    ),
    ...byHandSquashed(byHand),
  ];
}

/** Said, since nobody here can tell whether the first of the folder makes what they made. */
export function byHandSquashed(names: string[]): Finding[] {
  if (names.length === 0) return [];
  const some = `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
  return [
    {
      level: 'info',
      code: 'MIGRATION_SQUASHED',
      message: `The database has ${some}, which this checkout has not: the first of its folder, recorded by hand after them, is taken for their squash.`,
    },
  ];
}
