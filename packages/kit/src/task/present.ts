import { EXIT, OpsError } from '../errors.ts';
import type { Finding } from '../finding.ts';
import type { Hint } from '../hint.ts';
import type { Output } from '../output/output.ts';
import { shownLines } from '../output/shown.ts';
import { formatDuration } from '../output/terminal.ts';
import { type Painted, painted } from '../output/text.ts';
import { type Typing, typed } from './typed.ts';
import type { Outcome } from './types.ts';

/** What is known about a run when it has ended, well or not. */
export interface Ending {
  task: string;
  env: string;
  run: string;
  startedAt: Date;
  outcome?: Outcome;
  error?: OpsError;
  /** The error was caught by nobody. */
  crashed?: boolean;
  typing: Typing;
}

/** What a task said, its hints in words. */
export type WordedOutcome = Omit<Outcome, 'findings' | 'told' | 'next'> & {
  findings?: WordedFinding[];
  told?: WordedFinding[];
  next?: string;
};
export type WordedFinding = Omit<Finding, 'hint'> & { hint?: string };
export type WordedError = OpsError & { hint: string | undefined };

type Words = (hint: Hint) => string;

export function wordedFinding({ hint, ...finding }: Finding, words: Words): WordedFinding {
  return { ...finding, ...(hint === undefined ? {} : { hint: words(hint) }) };
}

export function wordedOutcome({ findings, told, next, ...outcome }: Outcome, words: Words): WordedOutcome {
  return {
    ...outcome,
    ...(findings ? { findings: findings.map((finding) => wordedFinding(finding, words)) } : {}),
    ...(told ? { told: told.map((finding) => wordedFinding(finding, words)) } : {}),
    ...(next === undefined ? {} : { next: words(next) }),
  };
}

export function wordedError(error: OpsError, words: Words): WordedError {
  const { code, message, hint, exit, findings } = error;
  const worded = findings.map((finding) => wordedFinding(finding, words));
  return new OpsError({
    code,
    message,
    hint: hint && words(hint),
    exit,
    findings: worded,
    cause: error.cause,
  }) as WordedError;
}

export function isYes(outcome: Outcome): boolean {
  return outcome.ok ?? !outcome.findings?.some((finding) => finding.level === 'error');
}

export function exitCodeOf({ outcome, error }: Pick<Ending, 'outcome' | 'error'>): number {
  if (error) return error.exit;
  return !outcome || isYes(outcome) ? EXIT.done : EXIT.no;
}

/** The one object of `--json` (design: "Output"). */
export function toJson({ task, env, run, startedAt, outcome, error, typing }: Ending): object {
  const words = (hint: Hint) => typed(hint, typing);
  return {
    ok: !error && (!outcome || isYes(outcome)),
    task,
    env,
    run,
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    data: outcome?.data ?? {},
    findings: (outcome?.findings ?? error?.findings ?? []).map((finding) => wordedFinding(finding, words)),
    ...(error ? { error: { code: error.code, message: error.message, hint: words(error.hint ?? '') } } : {}),
  };
}

/** The same for a person: findings, one closing line, the next command. */
export function printEnding(out: Output, { startedAt, outcome, error, typing }: Ending): void {
  const words = (hint: Hint) => typed(hint, typing);
  if (error) printError(out, wordedError(error, words));
  if (error || !outcome || (outcome.quiet && isYes(outcome))) return;
  for (const finding of outcome.told ?? outcome.findings ?? []) printFinding(out, wordedFinding(finding, words));
  const took = painted('dim', `(${formatDuration(Date.now() - startedAt.getTime())})`);
  const warnings = (outcome.findings ?? []).filter(({ level }) => level === 'warn').length;
  const above = warnings > 0 ? `, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'} above` : '';
  out.line([markOf(outcome, warnings), ` ${outcome.verdict} `, took, above]);
  if (outcome.next) out.line(`  Next: ${words(outcome.next)}`);
}

/** Green is what is good, and nothing that was said above speaks against it. */
function markOf(outcome: Outcome, warnings: number): Painted {
  if (!isYes(outcome)) return painted('red', '✖');
  if (outcome.mark === 'plain') return painted('dim', '·');
  if (outcome.mark === 'warning') return painted('yellow', '!');
  return painted(warnings > 0 ? 'yellow' : 'green', '✔');
}

function printFinding(out: Output, finding: WordedFinding): void {
  const style = { error: 'red', warn: 'yellow', info: 'blue' } as const;
  out.line([painted(style[finding.level], finding.level.padEnd(5)), ` ${finding.code}: ${finding.message}`]);
  if (finding.hint) out.line(`      ${finding.hint}`);
  for (const line of finding.recipe ?? []) out.line(`        ${line}`);
}

/** What a program said last may take several lines: behind a bar, none of them is taken for one of ours. */
function printError(out: Output, error: WordedError): void {
  const [first = '', ...rest] = shownLines(error.message);
  out.line([painted('red', '✖'), ` ${first}`]);
  for (const line of rest) out.line(`  │ ${line}`);
  if (error.hint) out.line(`  ${error.hint}`);
}
