import { type Command, command, hint, OpsError } from '@drydock/kit';
import { type Blocker, describe, isLockTimeout } from '../sessions/waiting.ts';

/** An error of PostgreSQL on its way out of a script. */
export interface Failed extends Error {
  code?: string;
  detail?: string;
  hint?: string;
  /** Where in a function or a block it came about. */
  where?: string;
  position?: string;
  /** Line of the file, and column. Not `line`: that is the line of PostgreSQL's own source. */
  atLine?: number | undefined;
  atColumn?: number | undefined;
  /** What was running, as the file has it. */
  statement?: string | undefined;
  /** That it failed could not be written down, and why. */
  unkept?: string;
  /** A wait that had all the time it is given: not tried again. */
  patient?: boolean;
  effect?: Effect;
}

/** What of a script is in effect after it failed, as the database says. */
export interface Effect {
  /** Statements recorded; undefined where the database could not be asked. */
  steps: number | undefined;
  /** Lines of the file's own transaction that was rolled back. */
  rolledBack?: { from: number; to: number } | undefined;
  /** Indexes left invalid, and whether the next attempt drops and builds them by itself. */
  invalid: { name: string; rebuilt: boolean }[];
}

/** The server or the way to it is gone: SQLSTATE classes 08 and 57P, or node's own words. */
export function isConnectionLost(error: unknown): boolean {
  const { code = '', message = '' } = error as Failed;
  return /^(08|57P0)/.test(code) || /^E[A-Z]+$/.test(code) || /connection/i.test(code ? '' : message);
}

/** A text of the file that was sent: PostgreSQL counts in characters from the beginning of it. */
export interface Sent {
  sql: string;
  line: number;
  column: number;
}

/** Says of an error where in the file it is, and which statement it was. */
export function locate(error: Failed, { sql, line, column }: Sent, statement: Sent | undefined): Failed {
  error.statement ??= statement?.sql;
  if (!error.position) {
    error.atLine ??= statement?.line;
    error.atColumn ??= statement?.column;
    return error;
  }
  const before = [...sql].slice(0, Number(error.position) - 1);
  const begin = before.lastIndexOf('\n');
  error.atLine ??= line + before.filter((one) => one === '\n').length;
  error.atColumn ??= begin === -1 ? column + before.length : before.length - begin;
  return error;
}

/** PostgreSQL's own sentence, with what it adds: which key is there twice, which view depends. */
export function sentence({ message, detail }: Failed): string {
  return `${message}${detail ? ` (${detail.replaceAll(/\s+/g, ' ').replace(/\.$/, '')})` : ''}`;
}

export function inEffect({ steps, rolledBack, invalid }: Effect): string {
  const applied =
    steps === undefined
      ? 'The connection is gone, so what of it is in effect could not be asked.'
      : steps === 0
        ? `Nothing of it ${rolledBack ? 'is in effect' : 'was applied'}.`
        : steps === 1
          ? 'Its first statement is in effect, the rest is not.'
          : `Its first ${steps} statements are in effect, the rest is not.`;
  const own = rolledBack && `Its own transaction (lines ${rolledBack.from} to ${rolledBack.to}) was rolled back.`;
  const indexes = invalid.map(({ name, rebuilt }) =>
    rebuilt
      ? `The index ${name} is left INVALID; the next attempt drops it and builds it anew.`
      : `The index ${name} is left INVALID: DROP INDEX CONCURRENTLY ${name}.`,
  );
  return [applied, own, ...indexes].filter(Boolean).join(' ');
}

export interface About {
  name: string;
  file: string;
  /** On a copy nothing is left to be undone. */
  rehearsed: boolean;
  attempts: number;
  blockers: Blocker[];
  /** The command that goes on. */
  again: Command | undefined;
}

/** A migration that failed, in the operator's terms. */
export function migrationError(thrown: unknown, { name, file, rehearsed, attempts, blockers, again }: About): Error {
  if (thrown instanceof OpsError && (rehearsed || !(thrown as Failed).effect)) return thrown;
  const error = thrown as Failed;
  const effect = error.effect ?? { steps: 0, invalid: [] };
  const state = rehearsed
    ? 'On the target nothing was begun.'
    : [inEffect(effect), error.unkept && `That it failed could not be written down: ${error.unkept}.`]
        .filter(Boolean)
        .join(' ');
  const begun = effect.steps !== undefined && effect.steps > 0;
  if (thrown instanceof OpsError) {
    const { code, message, exit } = thrown;
    return new OpsError({ code, message: `${message} ${state}`, exit, cause: error, hint: thrown.hint });
  }
  if (isLockTimeout(error)) {
    const whom = blockers.length > 0 ? describe(blockers) : 'another transaction, which holds the table';
    return new OpsError({
      code: 'LOCK_NOT_AVAILABLE',
      message: error.patient
        ? `${file}:${error.atLine} has waited as long as database.concurrentlyWaitMs allows, for ${whom}. ${state}`
        : `${name} did not get its lock in ${attempts} attempts; it waited for ${whom}. ${state}`,
      hint: hint`Let that session end (or end it: SELECT pg_terminate_backend(PID)), then ${again ? hint`go on: ${again}` : 'run it again.'}`,
      cause: error,
    });
  }
  const resolve = command('db:resolve', { rolledBack: name });
  const mend = isNewerSyntax(error)
    ? 'It is right in a newer PostgreSQL than this server: write it in words of the older one, or upgrade the server first. Then run it again.'
    : 'Mend the migration and run it again.';
  return new OpsError({
    code: (isNamed(error) && FAILURE_CODES[error.code ?? '']) || 'MIGRATION_FAILED',
    message: `${file}${placeIn(error)}: ${sentence(error)}. ${state}`,
    hint: rehearsed
      ? mend
      : begun
        ? hint`Undo by hand what is in effect, mend the file, then: ${resolve}   (or finish it by hand: --applied)`
        : error.effect
          ? hint`Mend the migration and run it again, after: ${resolve}`
          : mend,
    cause: error,
  });
}

/** The file was read before, by the parser of a new PostgreSQL (MIGRATION_SYNTAX); what is inside of a function was not. */
function isNewerSyntax({ code, message, where }: Failed): boolean {
  return code === '42601' && !where && message.startsWith('syntax error at or near');
}

/** `:3:12`; nothing where it is not known. */
function placeIn({ atLine, atColumn }: Failed): string {
  return [atLine, atColumn].map((part) => (part === undefined ? '' : `:${part}`)).join('');
}

/** SQLSTATE that has a name of its own among the findings: unsafe_new_enum_value_usage, active_sql_transaction. */
const FAILURE_CODES: Record<string, string> = { '55P04': 'ENUM_VALUE_USED', '25001': 'CONCURRENTLY_IN_TRANSACTION' };

/** SET TRANSACTION that comes too late has the state of a CONCURRENTLY in a transaction. */
function isNamed({ message }: Failed): boolean {
  return !/before any (sub)?query/.test(message);
}

/** A down.sql that failed. */
export function downError(thrown: unknown, name: string, blockers: Blocker[]): Error {
  if (thrown instanceof OpsError && !(thrown as Failed).effect) return thrown;
  const error = thrown as Failed;
  const state = inEffect(error.effect ?? { steps: 0, invalid: [] }).replace('was applied', 'is in effect');
  const whom = isLockTimeout(error) && blockers.length > 0 ? `, waiting for ${describe(blockers)}` : '';
  return new OpsError({
    code: 'DOWN_FAILED',
    message: `down.sql of ${name} failed${error.atLine ? ` in line ${error.atLine}` : ''}: ${sentence(error)}${whom}. ${state}`,
    hint: error.effect?.steps
      ? 'Mend what is in the way and run it again: it goes on behind them, as long as down.sql is not changed.'
      : 'Mend it and run it again.',
    cause: error,
  });
}
