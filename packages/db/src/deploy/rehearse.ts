import { defineStep, EXIT, OpsError, type Step, usageError } from '@drydock/kit';
import { isCode } from '../hazards/codes.ts';
import { rehearse } from '../rehearsal/rehearse.ts';
import type { Promised } from '../schema/inventory.ts';
import type { Target } from '../target.ts';

export interface RehearseOptions {
  name?: string;
  /** Codes of hazards that are taken on. */
  accept?: string[];
  /** Commit of the version that serves now. */
  running?: string | undefined;
}

export type Rehearsed = { copy: string | null; migrations: number; promised: Promised };

/** What would fail is refused; a hazard that is an error, too, unless its code is accepted. */
export function rehearseStep(target: Target, { name = 'rehearse', accept = [], running }: RehearseOptions = {}): Step {
  refuseUnknownCodes(accept);
  return defineStep<Rehearsed>({
    name,
    async run({ detail, out }) {
      const { findings, migrations, copy, promised } = await rehearse(target, { onMigration: detail, running });
      const errors = findings.filter(({ level }) => level === 'error');
      const standing = errors.filter(({ code }) => !isAcceptable(code) || !accept.includes(code));
      for (const { code, message } of errors.filter((error) => !standing.includes(error)))
        out.warn(`${code} accepted: ${message}`);
      const [first] = standing;
      if (first) throw refusal(target, first, standing.length);
      return { copy: copy ?? null, migrations: migrations.length, promised };
    },
  });
}

function refusal(
  target: Target,
  first: { code: string; message: string; hint?: string | undefined },
  count: number,
): OpsError {
  const more = count > 1 ? ` (and ${count - 1} more)` : '';
  return new OpsError({
    code: first.code,
    message: `The rehearsal on a copy found ${first.code}${more}: ${first.message}`,
    hint: isAcceptable(first.code)
      ? `See it with its safe recipe: npm run db:dry-run -- --env ${target.env}   Or take it on: --accept ${first.code}`
      : first.hint,
    exit: isAcceptable(first.code) ? EXIT.refused : EXIT.failed,
  });
}

/** What fails cannot be wished away. */
function isAcceptable(code: string): boolean {
  const fails = [
    'DRIFT',
    'NOT_NULL_WITHOUT_DEFAULT',
    'ENUM_VALUE_USED',
    'CONCURRENTLY_IN_TRANSACTION',
    'TRANSACTION_LEFT_OPEN',
  ];
  return isCode(code) && !code.startsWith('MIGRATION_') && !fails.includes(code);
}

function refuseUnknownCodes(accept: string[]): void {
  const bad = accept.find((code) => !isAcceptable(code));
  if (bad)
    throw usageError(
      'ACCEPT_UNKNOWN',
      isCode(bad) ? `${bad} cannot be accepted: it would fail.` : `${bad} is no code of a hazard.`,
      'The codes: npm run db:dry-run -- --codes',
    );
}
