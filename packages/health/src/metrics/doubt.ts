import type { Finding } from '@drydock/kit';
import type { MetricsConfig } from './names.ts';

/**
 * Why something cannot be counted: what was seen allows more than one truth. What rests on it is neither good nor bad.
 * - SEVERAL_INSTANCES: more than one process answers at one address.
 * - PROCESS_UNKNOWN: counters fell, and nothing says whether the process is another one.
 * - COUNTER_LOST: a counter is gone, fell or is no number, in a process that was not restarted.
 * - SELECTOR_IN_VAIN: no series can ever be what a selector asks for.
 * - HISTOGRAM_OPEN: buckets that do not end in all requests.
 */
export interface Doubt {
  code: 'SEVERAL_INSTANCES' | 'PROCESS_UNKNOWN' | 'COUNTER_LOST' | 'SELECTOR_IN_VAIN' | 'HISTOGRAM_OPEN';
  /** The key of health.metrics that it is about; undefined for all of them. */
  key: keyof MetricsConfig | undefined;
  message: string;
  /** What to set. */
  hint: string;
}

/** One of each kind and metric: the first says as much as the hundredth. */
export function addDoubts(a: readonly Doubt[], b: readonly Doubt[]): readonly Doubt[] {
  const more = b.filter((one, at) => !a.some(isLike(one)) && b.findIndex(isLike(one)) === at);
  return more.length === 0 ? a : [...a, ...more];
}

function isLike(one: Doubt) {
  return ({ code, key }: Doubt) => code === one.code && key === one.key;
}

/** All of some time, once each. */
export function doubtsOf(windows: readonly { doubts: readonly Doubt[] }[]): readonly Doubt[] {
  return windows.reduce<readonly Doubt[]>((all, { doubts }) => addDoubts(all, doubts), []);
}

/** Doubts about who was asked: under them every number may be of somebody else. */
export function isAboutProcesses({ code }: Doubt): boolean {
  return code === 'SEVERAL_INSTANCES' || code === 'PROCESS_UNKNOWN';
}

/** For those who only look: a word, and no verdict. */
export function doubtFinding({ code, message, hint }: Doubt): Finding {
  return { level: 'warn', code, message, hint };
}
