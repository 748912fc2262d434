/** How long a part of a step may take to stop by itself after Ctrl-C. */
const INTERRUPT_GRACE_MS = 5_000;

/** Rejects a while after the signal, for work that does not listen to it. */
export async function orInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: () => void = () => {};
  const late = new Promise<never>((_, reject) => {
    onAbort = () => {
      timer = setTimeout(() => reject(new Error('did not stop in time')), INTERRUPT_GRACE_MS);
    };
    // The signal may have come while the work was being started.
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
