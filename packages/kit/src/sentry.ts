import type { OpsError } from './errors.ts';
import { redact } from './redact.ts';

/** Longest wait for what is told to arrive. */
export const SENTRY_FLUSH_MS = 2_000;

/** Tells Sentry of a failed task. Never throws and never waits longer than two seconds: the task has failed already. `false`: it did not arrive. */
export async function reportFailure(
  error: OpsError,
  tags: { task: string; env: string; run: string; dsn: string },
): Promise<boolean> {
  const { dsn, ...rest } = tags;
  try {
    const Sentry = await startSentry(dsn, tags.env);
    const masked = new Error(redact(error.message));
    masked.name = error.code;
    Sentry.captureException(masked, { tags: rest, level: 'error' });
    return await Sentry.close(SENTRY_FLUSH_MS);
  } catch {
    return false;
  }
}

/** Sentry with nothing but a way out, for one environment. Loaded where it is needed. */
export async function startSentry(dsn: string, env: string) {
  const Sentry = await import('@sentry/node');
  const client = Sentry.init({ dsn, environment: env, defaultIntegrations: false, tracesSampleRate: 0 });
  // With a DSN it cannot read, Sentry takes everything and sends nothing.
  if (!client?.getDsn()) throw new Error('no DSN');
  return Sentry;
}
