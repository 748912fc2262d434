import type { Finding } from '@drydock/kit';
import type { Source } from './types.ts';

/** Rates go by one clock alone; times that are put beside each other do not. */
export function skewFinding(source: Source, most: number): Finding[] {
  const skew = source.skewSeconds();
  if (skew === undefined || Math.abs(skew) <= most) return [];
  const direction = skew > 0 ? 'ahead of' : 'behind';
  return [
    {
      level: 'warn',
      code: 'CLOCK_SKEW',
      message: `The clock of ${source.name} is ${Math.round(Math.abs(skew))} s ${direction} this machine's; rates go by one clock alone and are right.`,
      hint: 'Times of marks and logs will not match: set the clocks by NTP.',
    },
  ];
}
