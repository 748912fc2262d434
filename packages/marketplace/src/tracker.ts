import type { AppConfig } from './config.ts';

/** Errors to Sentry, events to PostHog; each only if it is configured. */
export interface Tracker {
  error(error: unknown, tags: Record<string, string>): void;
  event(name: string, userId: string, properties?: Record<string, string>): void;
  close(): Promise<void>;
}

const FLUSH_MS = 2_000;

export function createTracker(config: AppConfig): Tracker {
  const sentry = config.SENTRY_DSN ? loadSentry(config) : undefined;
  const posthog = config.POSTHOG_KEY ? loadPostHog(config, config.POSTHOG_KEY) : undefined;
  return {
    error: (error, tags) => void sentry?.then((client) => client.captureException(error, { tags })),
    event: (event, distinctId, properties = {}) =>
      void posthog?.then((client) => client.capture({ event, distinctId, properties })),
    async close() {
      await Promise.all([
        sentry?.then((client) => client.close(FLUSH_MS)),
        posthog?.then((client) => client.shutdown(FLUSH_MS)),
      ]);
    },
  };
}

async function loadSentry(config: AppConfig) {
  const Sentry = await import('@sentry/node');
  Sentry.init({
    ...(config.SENTRY_DSN ? { dsn: config.SENTRY_DSN } : {}),
    environment: config.DRYDOCK_ENV,
    release: config.APP_VERSION,
    tracesSampleRate: config.SENTRY_TRACES_SAMPLE_RATE,
    defaultIntegrations: false,
  });
  return Sentry;
}

async function loadPostHog(config: AppConfig, key: string) {
  const { PostHog } = await import('posthog-node');
  return new PostHog(key, {
    ...(config.POSTHOG_HOST ? { host: config.POSTHOG_HOST } : {}),
    flushAt: 10,
    flushInterval: 2_000,
  });
}
