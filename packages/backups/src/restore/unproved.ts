import { OpsError } from '@drydock/kit';

/** SQLSTATE insufficient_privilege, also where row security would hide rows. */
const NOT_ALLOWED = '42501';

/** An answer of the server to the proof is none about the backup: the role may not read what it has restored, a bound was met. */
export async function orUnproved<T>(proving: Promise<T>): Promise<T> {
  try {
    return await proving;
  } catch (cause) {
    const { code, message, hint } = cause as Error & { code?: string; hint?: string };
    if (cause instanceof OpsError || code?.length !== 5) throw cause;
    throw new OpsError({
      code: 'COMPARE_FAILED',
      message: `What was restored cannot be read whole, and so not be proved: ${message}.`,
      hint:
        code === NOT_ALLOWED
          ? 'The role that restores must read every row: a superuser types ALTER ROLE … BYPASSRLS, or grants what is missing.'
          : (hint ?? 'Mend the cause, and run it again.'),
      cause,
    });
  }
}
