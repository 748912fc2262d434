import { command, hint, OpsError } from '@drydock/kit';

/** 42P01: no such table; 42703: no such column. The config names both. */
const NAMES = new Set(['42P01', '42703', '3F000']);
const HINT = {
  names: hint`Apply the migrations if it has none yet (${command('db:status')}). escrow.database in drydock.config.ts names tables and columns as PostgreSQL has them, not as Prisma's models.`,
  grants: 'The operator of database.url must own the tables, or be granted SELECT and UPDATE on them.',
};

export function databaseError(cause: unknown): Error {
  const { code = '', message = String(cause) } = cause as { code?: string; message?: string };
  if (NAMES.has(code))
    return new OpsError({
      code: 'TABLES_DIFFER',
      message: `The database says: ${message}.`,
      hint: HINT.names,
      exit: 2,
      cause,
    });
  if (code === '42501')
    return new OpsError({
      code: 'DATABASE_REFUSED',
      message: `The database says: ${message}.`,
      hint: HINT.grants,
      cause,
    });
  return cause as Error;
}
