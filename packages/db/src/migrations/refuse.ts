import { command, type Finding, hint, OpsError } from '@drydock/kit';
import { toldAttempt } from './attempt.ts';
import type { MigrationState } from './compare.ts';
import type { Squash } from './squashes.ts';

/** A history that cannot be gone on with safely, each with its way out. Paths are told relative to `root`, if it is given. */
export function historyFindings(
  { failed, edited, missing, attempts, partly, doubled }: MigrationState,
  root?: string,
): Finding[] {
  const found: Omit<Finding, 'level'>[] = [
    ...failed.map(({ name }) => {
      const attempt = attempts.find((one) => one.name === name);
      return {
        code: 'MIGRATION_FAILED_BEFORE',
        message: `The migration ${name} was begun and did not end${attempt ? `: ${toldAttempt(attempt, root)}` : ''}.`,
        hint: hint`Look at what it left, mend it, then: ${command('db:resolve', { rolledBack: name })}   (or --applied, if all of it is there)`,
        ...(attempt ? { file: attempt.file, line: attempt.failure.line ?? 1 } : {}),
      };
    }),
    ...edited.map((name) => ({
      code: 'MIGRATION_EDITED',
      message: `${name} was changed after it was applied.`,
      hint: 'Put the file back as it was, and make the change in a new migration.',
    })),
    ...missing.map((name) => ({
      code: 'MIGRATION_MISSING',
      message: `The database has ${name}, which this checkout has not.`,
      hint: hint`Check out the version that has it: a newer release was deployed from another branch. Given up for good, or squashed: ${command('db:resolve', { forget: name })}`,
    })),
    ...doubled.map(squashUnfinished),
    ...partly.map(squashPartly),
  ];
  return found.map((one) => ({ level: 'error', ...one }));
}

/** Refused before anything is begun, with the first of them, and how many there are. */
export function refuseUnsound(state: MigrationState): void {
  const findings = historyFindings(state);
  const [first, ...others] = findings;
  if (!first) return;
  const { code, message, hint: next } = first;
  const more = others.length > 0 ? ` ${others.length} more: ${others.map((one) => one.message).join(' ')}` : '';
  throw new OpsError({ code, message: `${message}${more}`, hint: next, findings });
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

/** What the next deploy only writes down. */
export function unrecordedFindings({ squashed }: Pick<MigrationState, 'squashed'>): Finding[] {
  return squashed.map((name) => ({
    level: 'info',
    code: 'SQUASH_UNRECORDED',
    message: `${name} stands for migrations that are all applied: the next deploy records it, and runs nothing of it.`,
    hint: hint`${command('db:deploy')}, or for Prisma's CLI: ${command('db:resolve', { applied: name })}`,
  }));
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
