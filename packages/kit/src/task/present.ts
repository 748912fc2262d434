import { EXIT, type OpsError } from '../errors.ts';
import type { Output } from '../output/output.ts';
import { shownLines } from '../output/shown.ts';
import { formatDuration } from '../output/terminal.ts';
import { painted } from '../output/text.ts';
import type { Finding, Outcome } from './types.ts';

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
}

export function isYes(outcome: Outcome): boolean {
  return outcome.ok ?? !outcome.findings?.some((finding) => finding.level === 'error');
}

export function exitCodeOf({ outcome, error }: Pick<Ending, 'outcome' | 'error'>): number {
  if (error) return error.exit;
  return !outcome || isYes(outcome) ? EXIT.done : EXIT.no;
}

/** The one object of `--json` (design: "Output"). */
export function toJson({ task, env, run, startedAt, outcome, error }: Ending): object {
  return {
    ok: !error && (!outcome || isYes(outcome)),
    task,
    env,
    run,
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    data: outcome?.data ?? {},
    findings: outcome?.findings ?? [],
    ...(error ? { error: { code: error.code, message: error.message, hint: error.hint ?? '' } } : {}),
  };
}

/** The same for a person: findings, one closing line, the next command. */
export function printEnding(out: Output, { startedAt, outcome, error }: Ending): void {
  if (error) printError(out, error);
  if (error || !outcome) return;
  for (const finding of outcome.findings ?? []) printFinding(out, finding);
  const mark = isYes(outcome) ? painted('green', '✔') : painted('red', '✖');
  const took = painted('dim', `(${formatDuration(Date.now() - startedAt.getTime())})`);
  out.line([mark, ` ${outcome.verdict} `, took]);
  if (outcome.next) out.line(`  Next: ${outcome.next}`);
}

function printFinding(out: Output, finding: Finding): void {
  const style = { error: 'red', warn: 'yellow', info: 'blue' } as const;
  out.line([painted(style[finding.level], finding.level.padEnd(5)), ` ${finding.code}: ${finding.message}`]);
  if (finding.hint) out.line(`      ${finding.hint}`);
  for (const line of finding.recipe ?? []) out.line(`        ${line}`);
}

/** What a program said last may take several lines: behind a bar, none of them is taken for one of ours. */
function printError(out: Output, error: OpsError): void {
  const [first = '', ...rest] = shownLines(error.message);
  out.line([painted('red', '✖'), ` ${first}`]);
  for (const line of rest) out.line(`  │ ${line}`);
  if (error.hint) out.line(`  ${error.hint}`);
}
