import { OpsError } from '@drydock/kit';

/** An answer of the server to our own reading, as the failure of the dump that it is. */
export function cannotRead(cause: unknown): unknown {
  const { code, message, hint } = cause as Error & { code?: string; hint?: string };
  // Anything but an answer of the server passes through.
  if (cause instanceof OpsError || !code || code.length !== 5) return cause;
  return new OpsError({
    code: 'DUMP_FAILED',
    message: `The database cannot be read whole: ${message}.`,
    hint: hintFor(code, hint),
    cause,
  });
}

/** SQLSTATE insufficient_privilege: of reading it says so. */
const NOT_ALLOWED = '42501';

function hintFor(code: string, said: string | undefined): string {
  if (code === NOT_ALLOWED)
    return 'The role of OPS_DATABASE_URL must own, or be allowed to read, every table and large object.';
  const untouched = 'The backups before it are untouched. Mend the cause and run it again.';
  return said ? `${said} ${untouched}` : untouched;
}
