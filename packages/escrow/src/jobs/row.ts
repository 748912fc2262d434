import { OpsError, shownName } from '@drydock/kit';
import { described, type Shape } from './columns.ts';
import { sinceOf } from './typed.ts';
import type { JobRow } from './types.ts';

export interface RawRow {
  id: string;
  pending: boolean;
  pending_said: string | null;
  deployed: boolean;
  deployed_said: string | null;
  address: string | null;
  txHash: string | null;
  since: number | string | null;
  total: string | null;
  open: string | null;
}

/** `5000.00` is a whole number of wei, whatever scale its column has. */
export function wholeOf(text: string | null): bigint | undefined {
  if (text === null) return undefined;
  // Most are that, and there may be many.
  if (/^\d+$/.test(text)) return BigInt(text);
  const [, digits] = /^(\d+)\.0*$/.exec(text.trim()) ?? [];
  return digits === undefined ? undefined : BigInt(digits);
}

/** A row of whatever types the product has. What cannot be read of it is its `problem`, and nobody else's. */
export function toRow(shape: Shape, raw: RawRow): JobRow {
  const { tables } = shape;
  const { jobs, columns, amounts } = tables;
  const total = wholeOf(raw.total ?? '0');
  const open = raw.open === null ? undefined : wholeOf(raw.open);
  const since = sinceOf(raw.since);
  const problem =
    flagProblem(shape, columns.pending, raw.pending, raw.pending_said) ??
    flagProblem(shape, columns.deployed, raw.deployed, raw.deployed_said) ??
    (since === undefined
      ? `its time is ${shownName(String(raw.since))} (${described(shape, jobs, columns.since)}), and it cannot be told which that is`
      : undefined) ??
    (total === undefined || (raw.open !== null && open === undefined)
      ? amountProblem(
          'column' in amounts
            ? described(shape, jobs, amounts.column)
            : described(shape, amounts.table, amounts.amount),
          total === undefined ? raw.total : raw.open,
        )
      : undefined);
  const { id, pending, deployed, address, txHash } = raw;
  return {
    id,
    pending,
    deployed,
    address,
    txHash,
    sinceMs: since ?? null,
    total: total ?? 0n,
    open: raw.open === null ? undefined : (open ?? 0n),
    ...(problem === undefined ? {} : { problem }),
  };
}

function flagProblem(shape: Shape, name: string, value: boolean | null, said: string | null): string | undefined {
  if (value !== null || said === null) return undefined;
  return `${described(shape, shape.tables.jobs, name)} is ${shownName(said)}, which says neither yes nor no`;
}

function amountProblem(column: string, said: string | null): string {
  const what = said === null || said === 'NaN' ? 'its amount' : `its amount ${said}`;
  return `${what} is no whole number of wei, or not one that its type holds exactly (${column})`;
}

/** For a task that is about this job alone. */
export function jobIncomplete({ id }: Pick<JobRow, 'id'>, problem: string): OpsError {
  return new OpsError({
    code: 'JOB_INCOMPLETE',
    message: `Job ${shownName(id)}: ${problem}.`,
    hint: 'Mend the job in the product, then run it again.',
  });
}
