import { startSentry } from '@drydock/kit';

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
  const opened = startSentry(monitor.dsn, monitor.env).then((Sentry) => ({
    Sentry,
    checkInId: Sentry.captureCheckIn({ monitorSlug, status: 'in_progress' }, config),
  }));
  // Awaited when the job has ended; until then a failure is nobody's concern.
  opened.catch(() => {});
  const send = async (status: 'ok' | 'error') => {
    const duration = (performance.now() - began) / 1_000;
    const { Sentry, checkInId } = await opened;
    Sentry.captureCheckIn({ checkInId, monitorSlug, status, duration }, config);
    return Sentry.close();
  };
  return { close: (status) => send(status).catch(() => false) };
}
