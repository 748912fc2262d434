import { command, hint, OpsError } from '@drydock/kit';

/** 42P01: no such table; 42703: no such column; 3F000: no such schema. The config names them. */
const NAMES = new Set(['42P01', '42703', '3F000']);
/** Of other types than what they are compared with, or asked for: no such operator or function, no such cast, a value of another type. */
const TYPES = new Set(['42883', '42804', '42846', '42725', '22P02', '22003', '22007', '22008', '2201B']);
/** Lost, shut down, or out of whatever it needs: another time may do. */
const AWAY = /^(08|53|57P|58)|^(ECONNRESET|EPIPE|ETIMEDOUT|ECONNREFUSED)$/;
const HINT = {
  names: hint`Apply the migrations if it has none yet (${command('db:status')}). escrow.database in drydock.config.ts names tables and columns as PostgreSQL has them, not as Prisma's models.`,
  types:
    'escrow.database in drydock.config.ts names columns: are they those that hold this, and of types that can be compared with each other?',
  grants: 'The operator of database.url must own the tables, or be granted SELECT and UPDATE on them.',
  away: 'Nothing is lost: run it again once the database answers.',
};

/** Wraps an error of the database once, where it is asked. */
export function databaseError(cause: unknown): Error {
  const { code = '', message = String(cause) } = cause as { code?: string; message?: string };
  if (cause instanceof OpsError || !isDatabases(cause)) return cause as Error;
  const said = `The database says: ${message.replace(/\.$/, '')}.`;
  if (NAMES.has(code)) return new OpsError({ code: 'TABLES_DIFFER', message: said, hint: HINT.names, exit: 2, cause });
  if (TYPES.has(code)) return new OpsError({ code: 'TABLES_DIFFER', message: said, hint: HINT.types, exit: 2, cause });
  if (code === '42501') return new OpsError({ code: 'DATABASE_REFUSED', message: said, hint: HINT.grants, cause });
  return new OpsError({
    code: 'DATABASE_FAILED',
    message: said,
    hint: AWAY.test(code) || code === '' ? HINT.away : HINT.types,
    cause,
  });
}

/** By PostgreSQL, or by the connection to it. */
function isDatabases(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const { code = '' } = cause as { code?: string };
  return (
    'severity' in cause ||
    AWAY.test(code) ||
    /connection terminated|connection ended|client has encountered/i.test(cause.message)
  );
}
