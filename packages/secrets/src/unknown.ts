import { type Hint, OpsError } from '@drydock/kit';

const UNKNOWN = 'UNKNOWN';

/** A service did not answer: nothing is known of the secret. Not a yes, and not a no. */
export function unknown(what: string, cause: unknown, hint?: Hint): OpsError {
  const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : String(cause);
  return new OpsError({
    code: UNKNOWN,
    message: `${what} cannot be told: ${why}.`,
    hint: hint ?? 'Run it again when the service answers; nothing is lost.',
    cause,
  });
}

export function isUnknown(error: unknown): boolean {
  return error instanceof OpsError && error.code === UNKNOWN;
}
