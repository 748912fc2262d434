import { setTimeout as sleep } from 'node:timers/promises';
import { toOpsError } from '@drydock/kit';

/** What was answered, or why nothing was: one that hangs costs no more than its time. */
export type Answered<T> = { told: T } | { why: string };

/** Nobody is waited for longer than this: a status of everything takes at most three seconds. */
export const ASK_MS = 1_000;

/** The one that is late goes on by itself; what it still says is heard by nobody. */
export async function within<T>(work: Promise<T>, ms = ASK_MS): Promise<Answered<T>> {
  const late = new AbortController();
  const told = work.then(
    (value): Answered<T> => ({ told: value }),
    (error): Answered<T> => ({ why: toOpsError(error).message }),
  );
  const bound = sleep(ms, { why: `no answer within ${ms} ms` }, { signal: late.signal, ref: true }).catch(() => ({
    why: '',
  }));
  try {
    return await Promise.race([told, bound]);
  } finally {
    late.abort();
  }
}
