import { type Doubt, isAboutProcesses } from '../metrics/doubt.ts';
import { keysOf } from '../objectives/applicable.ts';
import type { Objective } from '../objectives/types.ts';
import type { Judged } from './types.ts';

/**
 * What rests on something doubtful does not pass. It may still have failed, by what is known beyond doubt; who was asked is in every number, so
 * that under such a doubt nothing has.
 */
export function underDoubt(judged: Judged, objective: Objective, doubts: readonly Doubt[]): Judged {
  const keys = keysOf(objective);
  const mine = doubts.filter(({ key }) => key === undefined || keys.includes(key));
  const doubt = mine.find(isAboutProcesses) ?? mine[0];
  if (!doubt || (judged.verdict === 'fail' && !isAboutProcesses(doubt))) return judged;
  return { ...judged, verdict: 'inconclusive', reason: doubt.message, doubt };
}
