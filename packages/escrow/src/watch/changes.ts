import type { Verdict } from '../verdict.ts';

/** What one look has found: jobs by id that are not well. */
export type Seen = ReadonlyMap<string, Verdict>;

type Known = Verdict | 'well';

export interface Changes {
  /** Lines for a person. */
  lines: { job: string; from: Known; to: Known }[];
  /** Stuck now, and not before. */
  newlyStuck: string[];
}

/** What changed from one look to the next. */
export function compareSeen(before: Seen, after: Seen): Changes {
  const jobs = new Set([...before.keys(), ...after.keys()]);
  const lines = [...jobs].flatMap((job) => {
    const [from, to]: [Known, Known] = [before.get(job) ?? 'well', after.get(job) ?? 'well'];
    return from === to ? [] : [{ job, from, to }];
  });
  return { lines, newlyStuck: lines.filter(({ to }) => to === 'stuck').map(({ job }) => job) };
}
