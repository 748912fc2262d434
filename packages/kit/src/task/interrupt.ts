import { isatty } from 'node:tty';
import { EXIT, OpsError } from '../errors.ts';

/** npm and pnpm may deliver one Ctrl-C twice; closer together than this it is one. */
const SAME_SIGNAL_MS = 300;

/**
 * First SIGINT, SIGTERM or SIGHUP: says so at once and aborts the returned signal, so that steps can clean up within
 * bounds. Second: exits 130 on the spot; the journal already says where. The hang-up of a terminal is nothing to a process of
 * which no stream is on one: so it is under nohup, which ignores the signal, and node undoes that before we run.
 */
export function listenForInterrupts(say: (text: string) => void): { controller: AbortController; stop(): void } {
  const controller = new AbortController();
  let first = 0;
  const onSignal = (name: NodeJS.Signals) => {
    if (name === 'SIGHUP' && ![0, 1, 2].some((stream) => isatty(stream))) return;
    const now = Date.now();
    if (first === 0) {
      first = now;
      say(`${name}: stopping cleanly. Once more to stop at once.`);
      controller.abort(
        new OpsError({ code: 'INTERRUPTED', message: `Interrupted by ${name}.`, exit: EXIT.interrupted }),
      );
    } else if (now - first > SAME_SIGNAL_MS) {
      process.exit(EXIT.interrupted);
    }
  };
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const name of signals) process.on(name, onSignal);
  return {
    controller,
    stop: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}

/** Fires for all but Ctrl-C and its like: for a run whose ordinary end that is. */
export function exceptInterrupts(signal: AbortSignal): AbortSignal {
  const others = new AbortController();
  signal.addEventListener('abort', () => {
    if (!(signal.reason instanceof OpsError && signal.reason.exit === EXIT.interrupted)) others.abort(signal.reason);
  });
  return others.signal;
}

/** For work that changes nothing, and so has nothing to clean up: it ends with the signal, whatever it waits for. */
export async function unlessInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  // The work is left behind; what becomes of it is nobody's concern any more.
  work.catch(() => {});
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
