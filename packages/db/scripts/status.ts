#!/usr/bin/env node
import { command, counted, defineReadTask, type Finding, hint, type Json, main, type Output } from '@drydock/kit';
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
    const { squashFindings } = await import('../src/migrations/refuse.ts');
    const { levelled } = await import('../src/codes.ts');
    const target = targetOf(config, environment);
    const [state, { drift, failed }] = await Promise.all([readState(target), findDrift(target)]);
    out.table(
      ['migrations', '', 'newest'],
      Object.entries(namesOf(state)).map(([what, names]) => [what, String(names.length), names.at(-1) ?? '']),
    );
    for (const [what, names] of Object.entries(namesOf(state)).slice(1)) listNames(out, what, names);
    const attempts = attemptFindings(state, config.root);
    for (const { name, at, failure } of state.attempts)
      if (failure.statement) out.line(`${name} failed ${at} in: ${shortened(failure.statement)}`);
    const unsound =
      state.failed.length + state.edited.length + state.missing.length + state.partly.length + state.doubled.length > 0;
    const pending = state.pending.length + state.squashed.length > 0;
    // Before everything is applied, the schema is ahead of the database by right.
    const drifts = unsound || pending ? [] : await driftNow(target, drift.items, state.applied);
    const scripts = scriptFindings(target.migrationsDir, state);
    const findings = levelled(
      [...attempts, ...squashFindings(state), ...drifts, ...failed, ...scripts],
      target.hazards,
    );
    const drifted = drifts.length > 0;
    const verdict = unsound
      ? `The migration history of ${env} needs attention.`
      : pending
        ? `${counted(state.pending.length + state.squashed.length, 'migration is', 'migrations are')} pending on ${env}.`
        : `All migrations are applied on ${env}${drifted ? '; the schema differs' : failed.length > 0 ? '' : ', and the schema is as it should be'}.`;
    return {
      verdict,
      ok: !unsound && !pending && !findings.some(({ level }) => level === 'error'),
      data: { ...without(state), drift: drifted } as unknown as Json,
      findings,
      ...nextOf(env, { unsound, pending, drifted }),
    };
  },
});

function namesOf({ applied, pending, squashed, failed, edited, missing }: MigrationState): Record<string, string[]> {
  return { applied, pending: [...pending, ...squashed], failed: failed.map(({ name }) => name), edited, missing };
}

/** Names of what squashes stand for are many, and in their files. */
function without({ squashes: _, ...state }: MigrationState): Omit<MigrationState, 'squashes'> {
  return state;
}

/** One that was begun and did not end stops everything; one that was taken back is pending, and will fail again if nothing was mended. */
function attemptFindings({ attempts, failed }: MigrationState, root: string): Finding[] {
  return attempts.map((attempt) => {
    const stopped = failed.some(({ name }) => name === attempt.name);
    return {
      level: stopped ? 'error' : 'warn',
      code: stopped ? 'MIGRATION_FAILED_BEFORE' : 'LAST_ATTEMPT_FAILED',
      message: `${attempt.name} failed: ${toldAttempt(attempt, root)}.`,
      hint: stopped
        ? hint`Look at what it left, mend it, then: ${command('db:resolve', { rolledBack: attempt.name })}`
        : 'Nothing of it is in effect. Mend the migration, or what is in its way, and deploy again.',
      file: attempt.file,
      line: attempt.failure.line ?? 1,
    };
  });
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

function nextOf(env: string, { unsound, pending, drifted }: Record<'unsound' | 'pending' | 'drifted', boolean>) {
  if (unsound || pending) return { next: command('db:dry-run', { env }) };
  return drifted ? { next: command('db:drift', { env }) } : {};
}

export default task;
await main(task, import.meta);
