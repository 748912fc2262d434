#!/usr/bin/env node
import { command, counted, defineReadTask, type Finding, type Json, main, type Output } from '@drydock/kit';
import { toldAttempt } from '../src/migrations/attempt.ts';
import type { MigrationState } from '../src/migrations/compare.ts';
import { targetOf } from '../src/target.ts';

const task = defineReadTask({
  name: 'db:status',
  summary:
    'Shows which migrations are applied, pending, failed, edited or missing, and whether the schema has drifted.',
  description:
    "Reads only, in this process; drift is looked for with Prisma's own engine. Exit 3 unless all is applied, or if the database is otherwise\n" +
    'than our last deploy left it; drift that the product had before is a warning. Of a migration whose last attempt failed, the statement is\n' +
    "shown with its place and with what PostgreSQL says of it, also where all of it was taken back, and where Prisma's CLI made the attempt.",
  examples: ['npm run db:status -- --env staging', 'npm run db:status -- --env production --json'],
  async run({ config, environment, env, out }) {
    const { readState } = await import('../src/migrations/state.ts');
    const { findDrift } = await import('../src/drift/look.ts');
    const { driftNow } = await import('../src/drift/now.ts');
    const { scriptFindings } = await import('../src/migrations/scripts.ts');
    const { byHandSquashed, historyFindings, unrecordedFindings } = await import('../src/migrations/refuse.ts');
    const { levelled } = await import('../src/codes.ts');
    const target = targetOf(config, environment);
    const [state, { drift, failed }] = await Promise.all([readState(target), findDrift(target)]);
    out.table(
      ['migrations', '', 'newest'],
      Object.entries(namesOf(state)).map(([what, names]) => [what, String(names.length), names.at(-1) ?? '']),
    );
    for (const [what, names] of Object.entries(namesOf(state)).slice(1)) listNames(out, what, names);
    for (const { name, at, failure } of state.attempts)
      if (failure.statement) out.line(`${name} failed ${at} in: ${shortened(failure.statement)}`);
    const attempts = takenBack(state, config.root);
    const history = historyFindings(state, config.root);
    const unsound = history.length > 0;
    const pending = state.pending.length > 0;
    const unrecorded = state.squashed.length > 0;
    // Before everything is applied, the schema is ahead of the database by right.
    const drifts = unsound || pending || unrecorded ? [] : await driftNow(target, drift.items, state.applied);
    const scripts = scriptFindings(target.migrationsDir, state);
    const findings = levelled(
      [
        ...attempts,
        ...history,
        ...unrecordedFindings(state),
        ...byHandSquashed(state.byHand),
        ...drifts,
        ...failed,
        ...scripts,
      ],
      target.hazards,
    );
    const drifted = drifts.length > 0;
    const verdict = unsound
      ? `The migration history of ${env} needs attention.`
      : pending
        ? `${counted(state.pending.length, 'migration is', 'migrations are')} pending on ${env}${unrecorded ? `, and ${counted(state.squashed.length, 'squash', 'squashes')} to be recorded` : ''}.`
        : unrecorded
          ? `All is applied on ${env}, and ${counted(state.squashed.length, 'squash', 'squashes')} to be recorded.`
          : `All migrations are applied on ${env}${drifted ? '; the schema differs' : failed.length > 0 ? '' : ', and the schema is as it should be'}.`;
    return {
      verdict,
      ok: !unsound && !pending && !unrecorded && !findings.some(({ level }) => level === 'error'),
      data: { ...without(state), drift: drifted } as unknown as Json,
      findings,
      ...nextOf(env, { unsound, pending, unrecorded, drifted }),
    };
  },
});

function namesOf({ applied, pending, squashed, failed, edited, missing }: MigrationState): Record<string, string[]> {
  const unrecorded = squashed.length > 0 ? { 'to be recorded': squashed } : {};
  return { applied, pending, ...unrecorded, failed: failed.map(({ name }) => name), edited, missing };
}

/** Names of what squashes stand for are many, and in their files. */
function without({ squashes: _, ...state }: MigrationState): Omit<MigrationState, 'squashes'> {
  return state;
}

/** Pending, and it will fail again if nothing was mended. */
function takenBack({ attempts, failed }: MigrationState, root: string): Finding[] {
  return attempts
    .filter(({ name }) => !failed.some((stopped) => stopped.name === name))
    .map((attempt) => ({
      level: 'warn',
      code: 'LAST_ATTEMPT_FAILED',
      message: `${attempt.name} failed: ${toldAttempt(attempt, root)}.`,
      hint: 'Nothing of it is in effect. Mend the migration, or what is in its way, and deploy again.',
      file: attempt.file,
      line: attempt.failure.line ?? 1,
    }));
}

const STATEMENT_LENGTH = 300;

function shortened(statement: string): string {
  const line = statement.replaceAll(/\s+/g, ' ');
  return line.length > STATEMENT_LENGTH ? `${line.slice(0, STATEMENT_LENGTH - 1)}…` : line;
}

const SHOWN = 20;

function listNames(out: Output, what: string, names: string[]): void {
  for (const name of names.slice(0, SHOWN)) out.line(`${what}  ${name}`);
  if (names.length > SHOWN) out.line(`${what}  and ${names.length - SHOWN} more: --json names all`);
}

type Standing = Record<'unsound' | 'pending' | 'unrecorded' | 'drifted', boolean>;

function nextOf(env: string, { unsound, pending, unrecorded, drifted }: Standing) {
  if (unsound || pending) return { next: command('db:dry-run', { env }) };
  if (unrecorded) return { next: command('db:deploy', { env }) };
  return drifted ? { next: command('db:drift', { env }) } : {};
}

export default task;
await main(task, import.meta);
