export const THOROUGH = process.env.DRYDOCK_THOROUGH === '1';

/**
 * What a test does in many rounds, each of them a process or two: all of them where `npm test -- --thorough` runs it,
 * otherwise `few`, spread from the first to the last.
 */
export function sampleRounds<T>(all: readonly T[], few: number): readonly T[] {
  if (THOROUGH || all.length <= few) return all;
  return Array.from({ length: few }, (_, n) => all[Math.round((n * (all.length - 1)) / (few - 1))] as T);
}

/** For tests of a minute that a neighbour covers in part: skipped, and counted so, but with `npm test -- --thorough`. */
export function whenThorough<T extends { skip: (...args: never[]) => void }>(test: T): T | T['skip'] {
  return THOROUGH ? test : test.skip;
}

/** The lines of a journal after which a run can be killed: all but the last. */
export function linesToKillAt(lines: number, few: number): readonly number[] {
  return sampleRounds(
    Array.from({ length: lines - 1 }, (_, n) => n + 1),
    few,
  );
}
