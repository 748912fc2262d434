import type { Finding } from '@drydock/kit';

/** Samples that are dated later than now: a clock was ahead when they were written, or is behind now. */
export function aheadFinding({ minutes, until }: { minutes: number; until: number }): Finding {
  return {
    level: 'warn',
    code: 'SAMPLES_AHEAD',
    message: `${minutes} ${minutes === 1 ? 'minute' : 'minutes'} of samples are dated later than now, until ${new Date(until).toISOString()}: they are not believed.`,
    hint: 'A clock was ahead when they were written, or this machine is behind: set it by NTP.',
  };
}
