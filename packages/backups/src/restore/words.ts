import { counted, type Finding, type Json, type StepResults } from '@drydock/kit';
import { describeLeftOut } from './left-out.ts';
import type { RestorePlan } from './plan.ts';
import type { Proved } from './prove.ts';
import type { RestoreSteps } from './steps.ts';

export function describeRestore(plan: RestorePlan): string[] {
  const alone = plan.table ? ` (${plan.table} alone${plan.keys ? ', with its keys' : ''})` : '';
  return [
    `restore ${plan.label}${alone} into ${plan.before ? plan.fresh : plan.name}`,
    ...describeLeftOut(plan.leftOut),
    ...(plan.accept ?? []).map((what) => `without ${what}, which is accepted`),
    ...(plan.told ?? []),
    ...(plan.trusted ? [`although ${plan.trusted.why}: ${plan.trusted.reason}`] : []),
    ...(plan.anonymise ? [`run ${plan.anonymise} there`] : []),
    ...(plan.before ? [`${plan.name} becomes ${plan.before}, and ${plan.fresh} becomes ${plan.name}`] : []),
  ];
}

/** What a restore came to: the closing line, what is not there, and what waits to be put right. */
export function tellRestored(
  env: string,
  plan: RestorePlan,
  results: StepResults,
  steps: RestoreSteps,
): { verdict: string; data: Json; findings: Finding[] } {
  const { skipped, seconds, refused: rights } = results.of(steps.restored);
  const { tables, rows, by } = results.of(steps.proved);
  const { blockedMs, refused: given } = results.of(steps.swapped);
  const matters = steps.aftermath ? results.of(steps.aftermath).matters : [];
  const proved = provedText({ tables, rows, by });
  const refused = [...rights, ...given];
  const open = matters.map(({ key, says }) => ({ key, says }));
  return {
    verdict: plan.before
      ? `${env} is what ${plan.label} was${proved}; what it was before is ${plan.before}.`
      : `${plan.label} is restored into ${plan.name}${proved}.`,
    data: {
      ...plan,
      skipped,
      refused,
      seconds,
      tables,
      rows,
      provedBy: by,
      blockedMs,
      matters: open,
    } as unknown as Json,
    findings: [
      ...plan.notes,
      ...[...skipped, ...refused].map(leftOut),
      ...matters.map(({ says, next }): Finding => ({ level: 'warn', code: 'TO_SETTLE', message: says, hint: next })),
    ],
  };
}

/** Said when it happened, long before the end; the proof of rows and rules says nothing of it, so the closing line must. */
function leftOut({ what, why }: { what: string; why: string }): Finding {
  return { level: 'warn', code: 'LEFT_OUT', message: `${what} is not in what was restored (${why}).` };
}

function provedText({ tables, rows, by }: Proved): string {
  if (tables === 0 || by === 'nothing') return '';
  const are =
    by === 'checksums' ? 'as they were backed up' : 'as many as were backed up (their values were not compared)';
  return `, ${counted(tables, 'table')} with ${rows.toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'} ${are}`;
}
