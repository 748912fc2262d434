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
  /** Nobody said which environment: asks for the one that it would be. */
  unsaid?: boolean;
}

/** The most guarded of the environments a run touches; undefined if none is guarded. */
export function guardedEnvironment({ config, environments }: GuardInput): EnvName | undefined {
  return environments.find((env) => config.environments[env].guard === 'confirm');
}

/** What can be refused before anything is looked at: called first, so that a refusal needs no database. */
export function refuseUnconfirmed(input: GuardInput): void {
  const guarded = guardedEnvironment(input);
  const { task, common, interactive } = input;
  if (!guarded) {
    if (input.destructive && !common.yes && !interactive) {
      throw refused('UNCONFIRMED', `${task} throws something away, and nobody can be asked here.`, 'Add --yes.');
    }
    return;
  }
  if (common.confirm !== undefined && common.confirm !== guarded) {
    throw refused(
      'CONFIRMATION_MISMATCH',
      `--confirm says "${common.confirm}", but this run changes ${guarded}.`,
      `Add --confirm ${guarded} if that is what you want.`,
    );
  }
  if (common.confirm === undefined && (common.yes || !interactive)) {
    throw refused(
      'UNCONFIRMED',
      `${task} changes ${guarded}, and --yes alone does not confirm that.`,
      `Add --yes --confirm ${guarded} --reason "…".`,
    );
  }
  if (!common.reason && !interactive) {
    throw usageError(
      'REASON_MISSING',
      `${task} on ${guarded} needs a reason for the audit log.`,
      'Add --reason "why this is done".',
    );
  }
}

/** Will `confirmRun` ask whether to go on? */
export function asks(input: GuardInput): boolean {
  const { common } = input;
  if (guardedEnvironment(input)) return common.confirm === undefined;
  return !common.yes && (input.destructive || input.unsaid === true);
}

/** Asks what is still open, after the plan was shown. Returns the reason to keep. */
export async function confirmRun(input: GuardInput): Promise<string | undefined> {
  const guarded = guardedEnvironment(input);
  const { common } = input;
  if (guarded && asks(input)) {
    const typed = await askText(`This changes ${guarded}. Type its name to go on`);
    if (typed.trim() !== guarded)
      throw refused('UNCONFIRMED', `"${typed.trim()}" is not ${guarded}; nothing was changed.`);
  } else if (asks(input)) {
    const where = input.environments.join(' and ');
    if (!(await askYesNo(where ? `${input.task} on ${where}: go on?` : `${input.task}: go on?`)))
      throw refused('UNCONFIRMED', 'Not confirmed; nothing was changed.');
  }
  if (guarded && !common.reason)
    return (
      visible((await askText('Why? (kept in the audit log)')).trim()).slice(0, LONGEST_SENTENCE) ||
      missingReason(guarded)
    );
  return common.reason;
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
