import { connectPostgres, OpsError, type Secret } from '@drydock/kit';
import { unknown } from '../../unknown.ts';

/** What a server answers to somebody who wants in. */
export interface Answer {
  /** `refused`: by the server, for this password or this role. */
  verdict: 'in' | 'refused' | 'unknown';
  says: string;
  /** A server, or a pooler, answered at all. */
  answered: boolean;
}

/** Tries a URL for real. */
export async function tryLogin(url: Secret, applicationName: string): Promise<Answer> {
  try {
    await (await connectPostgres(url, applicationName)).end();
    return { verdict: 'in', says: 'let in', answered: true };
  } catch (error) {
    const { code, routine, message } = errorOfServer(error);
    if (!code) return { verdict: 'unknown', says: (error as Error).message, answered: false };
    // Another 28000 is pg_hba.conf's: from here nobody gets in, which says nothing of the role.
    const refused = code === '28P01' || (code === '28000' && routine === 'InitializeSessionUserId');
    return { verdict: refused ? 'refused' : 'unknown', says: `${message} (${code})`, answered: true };
  }
}

/** What PostgreSQL itself said, below our own words. */
export function errorOfServer(error: unknown): { code?: string; routine?: string | undefined; message: string } {
  if (error instanceof OpsError && error.cause) return errorOfServer(error.cause);
  const { code, routine, severity, message } = error as Record<string, string | undefined>;
  return code && severity ? { code, routine, message: message ?? '' } : { message: message ?? String(error) };
}

/** SQLSTATE classes of a server that is away, full, or going down: connection exception, resources, operator intervention. */
const AWAY = /^(08|53|57)/;

/** An outage is UNKNOWN; what a server that is there says stays what it is. */
export async function asking<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OpsError && error.code !== 'DATABASE_UNREACHABLE' && error.code !== 'DATABASE_FULL')
      throw error;
    const { code, message } = errorOfServer(error);
    if (code && !AWAY.test(code))
      throw new OpsError({
        code: 'DATABASE_SAYS_NO',
        message: `${what} cannot be told: ${message} (${code}).`,
        cause: error,
      });
    throw unknown(what, error);
  }
}
