import type { Output } from '@drydock/kit';
import type { ApplyOptions } from '../migrations/apply.ts';
import type { Target } from '../target.ts';

/** The bounds of a script's waits on the target, and how they are told. */
export function waiting(
  { lockTimeoutMs, concurrentlyWaitMs }: Target,
  name: string,
  out: Output,
): Pick<ApplyOptions, 'lockTimeoutMs' | 'concurrentlyWaitMs' | 'onRetry' | 'onWait'> {
  return {
    lockTimeoutMs,
    concurrentlyWaitMs,
    onRetry: (attempt, waitMs, whom) =>
      out.warn(
        `${name}: the table is busy${whom ? `, with ${whom}` : ''}; attempt ${attempt} gave its lock request back, next in ${waitMs} ms`,
      ),
    onWait: (text) => out.warn(`${name} ${text}`),
  };
}
