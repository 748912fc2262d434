import type { OpsError } from './errors.ts';
import { redact } from './redact.ts';
import { toolkitVersion } from './toolkit.ts';

/** Longest wait for what is told to arrive. */
const SENTRY_FLUSH_MS = 2_000;

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
    // Where it failed, not where that is told.
    if (error.stack) masked.stack = redact(error.stack);
    Sentry.captureException(masked, { tags: rest, level: 'error' });
    return await Sentry.close();
  } catch {
    return false;
  }
}

/** Sentry with nothing but a way out, for one environment. Loaded where it is needed. */
export async function startSentry(dsn: string, env: string) {
  // What Sentry does not understand it prints, with the key in it.
  if (!isDsn(dsn)) throw new Error('no DSN');
  const Sentry = await import('@sentry/node');
  let refused = false;
  const client = Sentry.init({
    dsn,
    environment: env,
    release: `drydock@${toolkitVersion()}`,
    defaultIntegrations: false,
    tracesSampleRate: 0,
    transport(options) {
      const inner = Sentry.makeNodeTransport(options);
      return {
        flush: (timeout) => inner.flush(timeout),
        async send(envelope) {
          const answer = await inner.send(envelope);
          refused ||= (answer.statusCode ?? 200) >= 300;
          return answer;
        },
      };
    },
  });
  // With a DSN it cannot read, Sentry takes everything and sends nothing.
  if (!client?.getDsn()) throw new Error('no DSN');
  return {
    captureException: Sentry.captureException,
    captureCheckIn: Sentry.captureCheckIn,
    /** Waits at most two seconds. Whether all of it arrived, and was taken: a key that is revoked, or too much at once, is not. */
    close: async () => (await Sentry.close(SENTRY_FLUSH_MS)) && !refused,
  };
}

/** As Sentry gives them out: `https://KEY@HOST/PROJECT`. */
function isDsn(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, pathname } = new URL(text);
  return /^https?:$/.test(protocol) && /^\w+$/.test(username) && /\/\d+$/.test(pathname);
}
