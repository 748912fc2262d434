import { type Hint, OpsError } from '@drydock/kit';

const UNKNOWN = 'UNKNOWN';

/** A service did not answer: nothing is known of the secret. Not a yes, and not a no. */
export function unknown(what: string, cause: unknown, hint?: Hint): OpsError {
  const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : String(cause);
  return new OpsError({
    code: UNKNOWN,
    message: `${what} cannot be told: ${String(why).replace(/\.$/, '')}.`,
    hint: hint ?? 'Run it again when the service answers; nothing is lost.',
    cause,
  });
}

/** Of the system, when nobody is there to answer, or stops in the middle. */
const AWAY = /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|EPIPE)$/;

/** Said so by a rotator, or by whatever it asked: what is away says nothing of a secret. */
export function isUnknown(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (error instanceof OpsError ? code === UNKNOWN || code.endsWith('_UNREACHABLE') : AWAY.test(code)) return true;
  return isUnknown(error.cause);
}
