import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  command,
  databaseArgument,
  databaseOf,
  EXIT,
  hint,
  OpsError,
  requireTool,
  type Secret,
  saysTooOld,
  startPostgresProgram,
} from '@drydock/kit';

/** Longest wait for a table that somebody holds for himself. */
const LOCK_WAIT_MS = 30_000;
/**
 * Owners and privileges come along, so that the copy refuses what the target would; and publications, which lead nowhere without a slot, and refuse
 * changes of rows that have no identity. A subscription does not: it would ask the publisher for the live one's slot,
 * and keep the copy from being dropped (PostgreSQL manual, DROP DATABASE).
 */
const PLAIN = ['--no-comments', '--no-subscriptions', '--no-tablespaces', `--lock-wait-timeout=${LOCK_WAIT_MS}`];

/** Structure of everything, and the rows of Prisma's history. */
export async function copyStructure(from: Secret, to: Secret): Promise<void> {
  await copyPart(from, to, '--schema-only');
  await copyHistory(from, to);
}

/** In one snapshot, without files; of the tables in `without` no rows. */
export async function copyAll(from: Secret, to: Secret, without: string[]): Promise<void> {
  const rows = without.map((table) => `--exclude-table-data=${table}`);
  await pipe(dump(from, ['--exclude-schema=drydock', ...rows]), restore(to));
}

/** `--schema-only`, or one of its sections: `--section=pre-data`, `--section=post-data`. */
export async function copyPart(from: Secret, to: Secret, part: string): Promise<void> {
  await pipe(dump(from, [part, '--exclude-schema=drydock']), restore(to));
}

export async function copyHistory(from: Secret, to: Secret): Promise<void> {
  await pipe(dump(from, ['--data-only', '--table=*._prisma_migrations']), restore(to));
}

function dump(url: Secret, args: string[]): ChildProcess {
  return startPostgresProgram(requireTool('pg_dump'), ['-Fc', '-Z0', ...PLAIN, ...args], {
    url,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/**
 * Goes on after an error: what only a superuser may make, or give to another, is not needed for a rehearsal. Not psql, which would run the rows of a
 * table that could not be made as if they were statements.
 */
function restore(url: Secret): ChildProcess {
  return startPostgresProgram(
    besides(requireTool('pg_dump')),
    ['--no-password', `--dbname=${databaseArgument(databaseOf(url))}`],
    {
      url,
      env: { LC_MESSAGES: 'C' },
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  );
}

/** The pg_restore of a pg_dump: an older one does not read what that writes. */
function besides(pgDump: string): string {
  const own = join(dirname(pgDump), 'pg_restore');
  return existsSync(own) ? own : requireTool('pg_restore');
}

async function pipe(source: ChildProcess, sink: ChildProcess): Promise<void> {
  const [dumped, restored] = [keep(source), keep(sink)];
  // That it ended early is said by its exit code.
  sink.stdin?.on('error', () => {});
  if (source.stdout && sink.stdin) source.stdout.pipe(sink.stdin);
  const [code, ended] = await Promise.all(
    [source, sink].map(
      (child) =>
        new Promise<number | string>((done, fail) =>
          child.once('error', fail).once('close', (exit, signal) => done(exit ?? signal ?? '')),
        ),
    ),
  );
  if (typeof code === 'string') throw copyFailed(`pg_dump was ended by ${code}`);
  // A target without a history has no such table to dump; everything else is a failure.
  if (code !== 0 && dumped().includes('no matching tables')) return;
  if (code !== 0) throw copyFailed(dumped());
  if (typeof ended === 'string') throw copyFailed(`pg_restore was ended by ${ended}`);
  if (ended !== 0 && !/errors ignored on restore: \d+/.test(restored())) throw copyFailed(restored());
  const rows = /COPY failed for table "(.*?)": \S+ {2}(.*)/.exec(restored());
  if (rows) throw copyFailed(`the rows of ${rows[1]} do not fit into the copy (${rows[2]})`);
}

/** The end of what a program says on stderr. */
function keep(child: ChildProcess): () => string {
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-1_000_000);
  });
  return () => said;
}

function copyFailed(said: string): OpsError {
  const tooOld = saysTooOld('pg_dump', said);
  if (tooOld) return tooOld;
  const [, table] = /lock timeout[\s\S]*LOCK TABLE ([^\n]{1,200}?) IN ACCESS SHARE MODE/.exec(said) ?? [];
  if (table)
    return new OpsError({
      code: 'LOCK_NOT_AVAILABLE',
      message: `The target could not be copied within ${LOCK_WAIT_MS / 1_000} s: somebody holds one of ${table} for himself.`,
      hint: "See who: SELECT pid, application_name, query FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted); then run it again.",
      exit: EXIT.locked,
    });
  return new OpsError({
    code: 'COPY_FAILED',
    message: `The target could not be copied: ${said.trim().split('\n')[0]}.`,
    hint: hint`The role must be able to read all of it; ${command('doctor')} looks at the rest.`,
  });
}
