import { environmentSettings } from '../config/environments.ts';
import type { EnvName, ResolvedConfig } from '../config/schema.ts';
import { EXIT, OpsError, usageError } from '../errors.ts';
import { visible } from '../output/visible.ts';
import type { CommonValues } from './args.ts';
import { LONGEST_SENTENCE } from './flags.ts';
import { askText, askYesNo } from './prompt.ts';

export interface GuardInput {
  task: string;
  config: Pick<ResolvedConfig, 'environments'>;
  environments: EnvName[];
  common: Pick<CommonValues, 'yes' | 'confirm' | 'reason'>;
  interactive: boolean;
  /** Asks even where no environment is guarded. */
  destructive: boolean;
  /** A run that goes on keeps the reason that it was begun for. */
  resumes?: boolean;
  /** Nobody said which environment: asks for the one that it would be. */
  unsaid?: boolean;
  /** Ends a question that is left open. */
  signal?: AbortSignal;
}

/** The environments of a run whose names must be given, each. */
export function guardedEnvironments({ config, environments }: GuardInput): EnvName[] {
  return environments.filter((env) => environmentSettings(config, env).guard === 'confirm');
}

/** `--confirm` may be given for each environment, or with a list. */
function confirmedIn({ common }: GuardInput): string[] {
  return common.confirm.flatMap((text) => text.split(',')).map((name) => name.trim());
}

function unconfirmed(input: GuardInput): EnvName[] {
  const confirmed = confirmedIn(input);
  return guardedEnvironments(input).filter((env) => !confirmed.includes(env));
}

/** What can be refused before anything is looked at: called first, so that a refusal needs no database. */
export function refuseUnconfirmed(input: GuardInput): void {
  const guarded = guardedEnvironments(input);
  const confirmed = confirmedIn(input);
  const { task, common, interactive, environments } = input;
  if (guarded.length === 0) {
    if (input.destructive && !common.yes && !interactive) {
      throw refused('UNCONFIRMED', `${task} throws something away, and nobody can be asked here.`, 'Add --yes.');
    }
    return;
  }
  const stranger = confirmed.find((name) => !environments.includes(name));
  if (stranger !== undefined) {
    throw refused(
      'CONFIRMATION_MISMATCH',
      `--confirm says "${stranger}", but this run changes ${guarded.join(' and ')}.`,
      `Add ${flagsFor(guarded)} if that is what you want.`,
    );
  }
  const open = unconfirmed(input);
  if (open.length > 0 && (common.yes || !interactive)) {
    const alone = confirmed.length > 0 ? `--confirm ${confirmed.join(',')} alone does` : '--yes alone does';
    throw refused(
      'UNCONFIRMED',
      common.yes || confirmed.length > 0
        ? `${task} changes ${guarded.join(' and ')}, and ${alone} not confirm that.`
        : `${task} changes ${guarded.join(' and ')}, which has to be confirmed, and nobody can be asked here.`,
      `Add --yes ${flagsFor(guarded)} --reason "…".`,
    );
  }
  if (!interactive && !input.resumes && lacksReason(input)) {
    throw usageError(
      'REASON_MISSING',
      `${task} on ${guarded.join(' and ')} needs a reason for the audit log.`,
      'Add --reason "why this is done".',
    );
  }
}

/** Will `confirmRun` ask whether to go on? */
export function asks(input: GuardInput): boolean {
  const guarded = guardedEnvironments(input);
  if (guarded.length > 0) return unconfirmed(input).length > 0;
  return !input.common.yes && (input.destructive || input.unsaid === true);
}

function flagsFor(guarded: EnvName[]): string {
  return guarded.map((env) => `--confirm ${env}`).join(' ');
}

/** Does the audit log still want to know why? `known`: from the run that is gone on with. */
export function lacksReason(input: GuardInput, known?: string): boolean {
  return guardedEnvironments(input).length > 0 && !input.common.reason && !known;
}

/** Asks what is still open, after the plan was shown. Returns the reason to keep; `known`: what it was told before. */
export async function confirmRun(input: GuardInput, known: string | undefined): Promise<string | undefined> {
  const guarded = guardedEnvironments(input);
  const { task, signal } = input;
  const where = input.environments.join(' and ');
  for (const env of unconfirmed(input)) await typeName(input, env);
  if (guarded.length === 0 && asks(input) && !(await askYesNo(`${task}${where ? ` on ${where}` : ''}: go on?`, signal)))
    throw refused('UNCONFIRMED', 'Not confirmed; nothing was changed.');
  return guarded.length > 0 && !known ? askReason(input, guarded.join(' and ')) : known;
}

/** Who mistypes is asked again, so often in all. */
const TRIES = 3;

async function typeName({ task, signal }: GuardInput, guarded: EnvName): Promise<void> {
  let question = `${task} changes ${guarded}. Type its name to go on`;
  let typed = '';
  for (let n = 0; n < TRIES; n++) {
    typed = (await askText(question, signal)).trim();
    if (typed === guarded) return;
    question = `"${typed}" is not ${guarded}. Type ${guarded} to go on (Ctrl-C ends it)`;
  }
  throw refused('UNCONFIRMED', `"${typed}" is not ${guarded}; nothing was changed.`);
}

async function askReason({ task, signal }: GuardInput, guarded: string): Promise<string> {
  let question = `Why? (kept in the audit log of ${guarded})`;
  for (let n = 0; n < TRIES; n++) {
    const reason = visible((await askText(question, signal)).trim()).slice(0, LONGEST_SENTENCE);
    if (reason) return reason;
    question = `Whoever reads the audit log will ask why ${task} was run on ${guarded}. Why?`;
  }
  return missingReason(guarded);
}

function missingReason(env: EnvName): never {
  throw usageError(
    'REASON_MISSING',
    `A run on ${env} needs a reason; nothing was changed.`,
    'Add --reason "why this is done".',
  );
}

function refused(code: string, message: string, hint?: string): OpsError {
  return new OpsError({ code, message, hint, exit: EXIT.refused });
}
