import type { Finding } from '@drydock/kit';
import { doubtsOf, isAboutProcesses } from '../metrics/doubt.ts';
import { sumWindows, type Window } from '../metrics/window.ts';
import type { Objective, ShareObjective } from '../objectives/types.ts';
import { compareWith } from './compare.ts';
import { UNSEEN, underDoubt, untoldDoubts } from './doubts.ts';
import { judgeGrowth } from './growth.ts';
import { judgeShare, measurementsOf } from './share.ts';
import type { GateEvidence, GateSettings, GateVerdict, Judged, Verdict } from './types.ts';
import { judgeUsage } from './usage.ts';

export interface JudgeInput extends GateEvidence {
  objectives: readonly Objective[];
  settings: GateSettings;
  cores: number;
}

/** The whole verdict from what was seen: pure, so that a recording gives the same one again. */
export function judgeGate(input: JudgeInput): GateVerdict {
  const judged = judgeAll(input);
  const findings = [
    ...judged.flatMap(findingOf),
    ...untoldDoubts(judged, doubtsOf(input.windows)),
    ...errorFindings(input),
    ...restartFindings(input),
  ];
  const verdict = worstOf(judged, findings, input.windows.length);
  const order: Judged['verdict'][] = ['fail', 'inconclusive'];
  const offending = order.flatMap((kind) => judged.filter((one) => one.verdict === kind).map(({ id }) => id));
  return { verdict, offending, judged, findings, final: isFinal(judged, findings, input) };
}

function judgeAll(input: JudgeInput): Judged[] {
  const doubts = doubtsOf(input.windows);
  const sliding = measurementsOf(input.windows, input.settings);
  const objectives = input.objectives.map((one) => underDoubt(judgeObjective(one, input, sliding), one, doubts));
  return [...judgeHealth(input), ...objectives];
}

/** What later measurements cannot mend: breaches are not taken back, a share over the whole run may still come down. */
function isFinal(judged: readonly Judged[], findings: readonly Finding[], input: JudgeInput): boolean {
  const { failureLimit } = input.settings;
  if (findings.some(({ code }) => code === 'PRODUCT_AWAY' || code === 'METRICS_LOST')) return true;
  // Whether somebody else was asked shows in the next few looks.
  const before = { ...input, windows: input.windows.slice(0, -LOOKS_TO_BE_SURE) };
  if (restartFindings(before).some(({ code }) => code === 'CRASH_LOOP')) return true;
  const mended = new Set(['cache-hits', 'cpu', 'gc', 'memory']);
  const lasting = judged.filter(
    ({ id, verdict, breaches }) =>
      verdict === 'fail' && (id === 'health' || (!mended.has(id) && breaches > failureLimit)),
  );
  if (lasting.length === 0 || lasting.some(({ id }) => id === 'health')) return lasting.length > 0;
  if (!input.windows.some(({ provisional }) => provisional)) return true;
  const then = judgeAll(before);
  return lasting.some(({ id }) =>
    then.some((one) => one.id === id && one.verdict === 'fail' && one.breaches > failureLimit),
  );
}

const LOOKS_TO_BE_SURE = 3;

function worstOf(judged: readonly Judged[], findings: readonly Finding[], measurements: number): Verdict {
  if (judged.some(({ verdict }) => verdict === 'fail') || findings.some(({ code }) => FATAL.has(code))) return 'fail';
  // A run that measured nothing has not succeeded.
  if (measurements === 0 || findings.some(({ code }) => code === 'METRICS_LOST')) return 'inconclusive';
  const unclear =
    judged.some(({ verdict }) => verdict === 'inconclusive') || findings.some(({ code }) => code === UNSEEN);
  return unclear ? 'inconclusive' : 'pass';
}

const FATAL = new Set(['PRODUCT_AWAY', 'CRASH_LOOP']);

function judgeObjective(objective: Objective, input: JudgeInput, sliding: Window[]): Judged {
  const { windows, settings, cores } = input;
  switch (objective.kind) {
    case 'usage':
      return judgeUsage(objective, windows, cores);
    case 'growth':
      return judgeGrowth(objective, windows);
    case 'share':
      return withComparison(judgeShare(objective, windows, settings, sliding), objective, input);
  }
}

function withComparison(
  judged: Judged,
  objective: ShareObjective,
  { windows, baseline, settings }: JudgeInput,
): Judged {
  const after = sumWindows(windows);
  if (!baseline || !after || settings.regression.outcome === 'off') return judged;
  const comparison = compareWith(objective, baseline.window, after, settings.regression);
  if (!comparison) return judged;
  const reason = `${judged.reason} Version ${baseline.version}: ${comparison.text}.`;
  if (judged.verdict === 'fail' && comparison.noBetter)
    return { ...judged, reason: `${reason} It was beyond the bound as well: going back would not help.` };
  if (judged.verdict !== 'pass' || !comparison.worse) return { ...judged, reason };
  const verdict = settings.regression.outcome === 'fail' ? 'fail' : 'pass';
  return { ...judged, verdict, reason: `Worse than the version before, if within the bound. ${reason}` };
}

/** Unhealthy twice in a row: one slow answer is none of the product's business. */
function judgeHealth({ health }: JudgeInput): Judged[] {
  if (health.length === 0) return [];
  const bad = health.filter((problem) => problem !== null);
  const twice = health.findIndex(
    (problem, at) => problem !== null && health[at - 1] !== undefined && health[at - 1] !== null,
  );
  const base = {
    id: 'health',
    title: 'health',
    wanted: 'healthy',
    count: health.length,
    measured: health.length,
    series: [],
  };
  return [
    {
      ...base,
      verdict: twice >= 0 ? 'fail' : 'pass',
      value: bad.length / health.length,
      shown: bad.length === 0 ? 'healthy' : `${bad.length} of ${health.length} answers unhealthy`,
      breaches: bad.length,
      reason: bad.length === 0 ? `${health.length} answers, all healthy.` : `${bad.at(-1)}.`,
    },
  ];
}

function findingOf({ verdict, id, title, wanted, reason, series, doubt }: Judged): Finding[] {
  const where = series.length > 0 ? ` ${series.join(', ')}` : '';
  if (verdict === 'fail')
    return [
      { level: 'error', code: 'OBJECTIVE_MISSED', message: `${title} (${id}): wanted ${wanted}. ${reason}${where}` },
    ];
  if (verdict === 'inconclusive')
    return [
      {
        level: 'error',
        code: doubt?.code ?? 'UNCLEAR',
        message: `${title} (${id}): ${reason}`,
        hint: doubt?.hint ?? 'Look longer (--for), or send it traffic.',
      },
    ];
  if (reason.startsWith('Worse than'))
    return [{ level: 'warn', code: 'WORSE_THAN_BEFORE', message: `${title}: ${reason}` }];
  return [];
}

function errorFindings({ errorsInARow, settings }: JudgeInput): Finding[] {
  const { count, last, away } = errorsInARow;
  if (count <= settings.consecutiveErrors) return [];
  return [
    {
      level: 'error',
      code: away ? 'PRODUCT_AWAY' : 'METRICS_LOST',
      message: `${count} scrapes in a row without an answer: ${last}`,
    },
  ];
}

function restartFindings({ windows, settings }: JudgeInput): Finding[] {
  const restarts = windows.reduce((sum, window) => sum + window.restarts, 0);
  if (restarts === 0) return [];
  // Of several that answer in turn, each looks like another start.
  if (windows.some(({ doubts }) => doubts.some(isAboutProcesses))) return [];
  const loop = restarts > settings.restarts;
  return [
    {
      level: loop ? 'error' : 'warn',
      code: loop ? 'CRASH_LOOP' : 'RESTARTED',
      message: `The product was restarted ${restarts === 1 ? 'once' : `${restarts} times`} meanwhile${loop ? `, ${settings.restarts} allowed` : '; its counters began again, which was counted in'}.`,
    },
  ];
}
