import type { Finding } from '@drydock/kit';
import { type Doubt, doubtFinding, isAboutProcesses } from '../metrics/doubt.ts';
import { keysOf } from '../objectives/applicable.ts';
import type { Objective } from '../objectives/types.ts';
import type { Judged } from './types.ts';

/** Beside the doubt itself: nothing that is judged rests on it, and yet no more can be said. */
export const UNSEEN = 'NOT_JUDGED';

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

/**
 * Doubts that no objective has told. About requests, or about who was asked, they are no pass even so: an objective for every route
 * has none where no request could be counted.
 */
export function untoldDoubts(judged: readonly Judged[], doubts: readonly Doubt[]): Finding[] {
  const told = new Set(judged.flatMap(({ doubt }) => (doubt ? [doubt.code + doubt.key] : [])));
  const untold = doubts.filter(({ code, key }) => !told.has(code + key));
  const grave = told.size > 0 ? undefined : untold.find(({ key }) => key === undefined || key === 'requests');
  const unseen: Finding[] = grave
    ? [{ level: 'error', code: UNSEEN, message: `Requests could not be counted: ${grave.message}`, hint: grave.hint }]
    : [];
  return [...unseen, ...untold.map(doubtFinding)];
}
