import { command, type Finding, type Hint, hint, OpsError } from '@drydock/kit';
import { type Copy, hasAllRows } from './fill.ts';

/**
 * SQLSTATE of failures that a row which is not on the copy could have prevented: no data, cardinality, a NULL or a zero
 * that a query found in place of a value, integrity (a parent that is missing), and what PL/pgSQL raises when it did not
 * find what it looked for (PostgreSQL manual, appendix A).
 */
const ROWS_DECIDE = /^(02...|21...|22002|22004|22012|23...|39004|P000[1-4])$/;
/** insufficient_privilege, undefined_object (a role), invalid_authorization_specification. */
const ROLE_DECIDES = /^(42501|42704|28000|0P000)$/;

/** insufficient_privilege, and what is not there: a type, a table, a column, a function, a schema. */
const EXTENSION_DECIDES = /^(42501|42704|42P01|42703|42883|3F000)$/;
/** duplicate_object. */
const EXTENSION_THERE = '42710';

interface Circumstances {
  copy: Copy;
  /** Extensions that the copy lacks, or has and the target has not. */
  lacks: string[];
  extra: string[];
  safeRole: boolean;
  leftOut: ReadonlySet<string>;
}

/** Why a failure on this copy says nothing about the target; undefined where it does. */
export function whyUntold(
  thrown: unknown,
  { copy, lacks, extra, safeRole, leftOut }: Circumstances,
): string | undefined {
  if (!(thrown instanceof OpsError)) return undefined;
  if (thrown.code === 'NO_SAFE_ROLE') return thrown.message;
  if (thrown.code === 'SERVER_TOUCHED')
    return 'it changes what all databases of the server share while it runs in pieces';
  const state = (thrown.cause as { code?: string } | undefined)?.code ?? '';
  if (!hasAllRows(copy) && ROWS_DECIDE.test(state))
    return copy === 'sample' ? 'the copy has a sample of the rows' : 'the copy has no rows';
  if (lacks.length > 0 && EXTENSION_DECIDES.test(state)) return `the copy lacks the extension ${lacks.join(', ')}`;
  if (extra.length > 0 && state === EXTENSION_THERE)
    return `the copy has the extension ${extra.join(', ')}, from its template`;
  if (safeRole && ROLE_DECIDES.test(state)) return 'it ran as a role that may do nothing outside of the copy';
  if (leftOut.size > 0 && thrown.code !== 'MIGRATION_SYNTAX')
    return `what reaches out of the copy was left out (${[...leftOut].join(', ')})`;
  return undefined;
}

/** Not a refusal: the transaction that applies it on the target is the judge. */
export function untoldFinding(name: string, thrown: OpsError, why: string, behind: number): Finding {
  const more = behind > 0 ? `, nor the ${behind === 1 ? 'one' : behind} behind it` : '';
  const said = thrown.cause instanceof Error ? `, and there it fails with "${thrown.cause.message}"` : '';
  return {
    level: 'warn',
    code: 'NOT_REHEARSED',
    message: `Whether ${name} applies could not be told${more}: ${why}${said}.`,
    hint: hint`${hintOf(thrown)} ${command('db:deploy')} goes on: what fails there is rolled back.`,
  };
}

function hintOf({ code, hint: advice, cause }: OpsError): Hint {
  if (code === 'NO_SAFE_ROLE' && advice) return hint`${advice}.`;
  const rows = ROWS_DECIDE.test((cause as { code?: string } | undefined)?.code ?? '');
  return rows
    ? 'Rehearse with rows: --data full, or --from-backup latest.'
    : 'Put it into a migration of its own, to see the others.';
}
