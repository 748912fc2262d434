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
    const Sentry = await start(dsn, tags.env);
    const masked = new Error(redact(error.message));
    masked.name = error.code;
    Sentry.captureException(masked, { tags: rest, level: 'error' });
    return await Sentry.close(FLUSH_MS);
  } catch {
    return false;
  }
}

/** A cron monitor, made or brought up to date by each check-in (docs.sentry.io, "Crons"). */
export interface Monitor {
  dsn: string;
  env: string;
  slug: string;
  /** Five fields of cron. */
  cron: string;
  timeZone: string;
  /** Minutes after its time at which a job that did not start is missed. */
  marginMinutes: number;
  /** Minutes after which a job that did not end has failed. */
  maxMinutes: number;
}

export interface CheckIn {
  /** Says how it ended and waits at most two seconds for that to arrive. `false`: it did not. Never throws. */
  close(status: 'ok' | 'error'): Promise<boolean>;
}

/** Says that a job has begun, without waiting for it to arrive: the job is what matters. */
export function openCheckIn(monitor: Monitor): CheckIn {
  const { slug: monitorSlug, cron, timeZone: timezone, marginMinutes: checkinMargin, maxMinutes: maxRuntime } = monitor;
  const config = { schedule: { type: 'crontab', value: cron }, timezone, checkinMargin, maxRuntime } as const;
  const began = performance.now();
  const opened = start(monitor.dsn, monitor.env).then((Sentry) => ({
    Sentry,
    checkInId: Sentry.captureCheckIn({ monitorSlug, status: 'in_progress' }, config),
  }));
  // Awaited when the job has ended; until then a failure is nobody's concern.
  opened.catch(() => {});
  const send = async (status: 'ok' | 'error') => {
    const duration = (performance.now() - began) / 1_000;
    const { Sentry, checkInId } = await opened;
    Sentry.captureCheckIn({ checkInId, monitorSlug, status, duration }, config);
    return Sentry.close(FLUSH_MS);
  };
  return { close: (status) => send(status).catch(() => false) };
}

async function start(dsn: string, env: string) {
  const Sentry = await import('@sentry/node');
  const client = Sentry.init({ dsn, environment: env, defaultIntegrations: false, tracesSampleRate: 0 });
  // With a DSN it cannot read, Sentry takes everything and sends nothing.
  if (!client?.getDsn()) throw new Error('no DSN');
  return Sentry;
}
