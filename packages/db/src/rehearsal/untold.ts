import { type Finding, OpsError } from '@drydock/kit';
import type { Copy } from './fill.ts';
import { hasAllRows } from './fill.ts';

/**
 * SQLSTATE of failures that a row which is not on the copy could have prevented: no data, cardinality, a NULL or a zero
 * that a query found in place of a value, integrity (a parent that is missing), and what PL/pgSQL raises when it did not
 * find what it looked for (PostgreSQL manual, appendix A).
 */
const ROWS_DECIDE = /^(02...|21...|22002|22004|22012|23...|39004|P000[1-4])$/;

/** Why a failure on this copy says nothing about the target; undefined where it does. */
export function whyUntold(thrown: unknown, copy: Copy): string | undefined {
  const state = thrown instanceof OpsError ? (thrown.cause as { code?: string } | undefined)?.code : undefined;
  if (state === undefined || hasAllRows(copy) || !ROWS_DECIDE.test(state)) return undefined;
  return copy === 'sample' ? 'the copy has a sample of the rows' : 'the copy has no rows';
}

/** Not a refusal: the transaction that applies it on the target is the judge. */
export function untoldFinding(name: string, thrown: OpsError, why: string, behind: number): Finding {
  const more = behind > 0 ? `, nor the ${behind === 1 ? 'one' : behind} behind it` : '';
  return {
    level: 'warn',
    code: 'NOT_REHEARSED',
    message: `Whether ${name} applies could not be told${more}: ${why}, and there it fails with ${reasonOf(thrown)}.`,
    hint: 'Rehearse with rows: --data full, or --from-backup latest. db:deploy goes on: what fails there is rolled back.',
  };
}

/** What PostgreSQL said, without our words around it. */
function reasonOf({ cause, message }: OpsError): string {
  return `"${cause instanceof Error ? cause.message : message}"`;
}
