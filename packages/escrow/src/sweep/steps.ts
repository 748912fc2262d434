import { type StepNode, shownName } from '@drydock/kit';
import { type RetryJob, type RetrySteps, retrySteps } from '../retry/steps.ts';
import type { DeedSteps } from '../send/steps.ts';

/** Transactions that wait at once: nodes keep at least 16 of one account (geth's accountslots). */
const IN_FLIGHT = 8;

/** One nonce line: a window of jobs is sent in order, then waited for in order, then the next. */
export function sweepSteps<J extends RetryJob>(
  jobs: J[],
  stepsOf: (job: J) => Omit<RetrySteps, 'name'>,
): { nodes: StepNode[]; deeds: DeedSteps[] } {
  const nodes: StepNode[] = [];
  const deeds: DeedSteps[] = [];
  for (let at = 0; at < jobs.length; at += IN_FLIGHT) {
    const window = jobs
      .slice(at, at + IN_FLIGHT)
      .map((job) => retrySteps(job, { ...stepsOf(job), name: stepName(job) }));
    deeds.push(...window);
    nodes.push(...window.flatMap(({ first }) => first), ...window.flatMap(({ rest }) => rest));
  }
  return { nodes, deeds };
}

function stepName({ job }: RetryJob): string {
  return `${shownName(job)} `;
}
