import type { OpsError } from './errors.ts';
import { redact } from './redact.ts';

const FLUSH_MS = 2_000;

/** Tells Sentry of a failed task. Never throws and never waits longer than two seconds: the task has failed already. `false`: it did not arrive. */
export async function reportFailure(
  error: OpsError,
  tags: { task: string; env: string; run: string; dsn: string },
): Promise<boolean> {
  const { dsn, ...rest } = tags;
  try {
    const Sentry = await import('@sentry/node');
    Sentry.init({ dsn, environment: tags.env, defaultIntegrations: false, tracesSampleRate: 0 });
    const masked = new Error(redact(error.message));
    masked.name = error.code;
    Sentry.captureException(masked, { tags: rest, level: 'error' });
    return await Sentry.close(FLUSH_MS);
  } catch {
    return false;
  }
}
