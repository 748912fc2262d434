import { OpsError } from '@drydock/kit';

/** An answer of the server to our own reading, as the failure of the dump that it is. */
export function cannotRead(cause: unknown): unknown {
  const { code, message } = cause as Error & { code?: string };
  // Anything but an answer of the server passes through.
  if (cause instanceof OpsError || !code || code.length !== 5) return cause;
  return new OpsError({
    code: 'DUMP_FAILED',
    message: `The database cannot be read whole: ${message}.`,
    hint: 'The role of OPS_DATABASE_URL must own, or be allowed to read, every table and large object.',
    cause,
  });
}
