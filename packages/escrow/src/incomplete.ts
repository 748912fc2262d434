import { command, type Finding, shownName } from '@drydock/kit';
import type { Incomplete, Survey } from './survey.ts';

/** Findings for a person; `--json` has all that are kept. */
const SHOWN = 50;

/** A job that cannot be compared is told, and the others are compared. */
export function incompleteFindings({ incomplete: { all, jobs } }: Pick<Survey, 'incomplete'>): Finding[] {
  const more = all - Math.min(all, SHOWN);
  return [
    ...jobs.slice(0, SHOWN).map(incompleteFinding),
    ...(more > 0
      ? [{ level: 'error' as const, code: 'JOB_INCOMPLETE', message: `And ${more} more that cannot be compared.` }]
      : []),
  ];
}

export function incompleteFinding({ row, why }: Incomplete): Finding {
  return {
    level: 'error',
    code: 'JOB_INCOMPLETE',
    message: `Job ${shownName(row.id)}: ${why}.`,
    hint: command('escrow:inspect', { job: row.id }),
  };
}
