import type { Finding, Secret } from '@drydock/kit';
import type { Counted } from '../archive/offsets.ts';
import type { Manifest } from '../manifest.ts';
import { compareOne, compareRestored } from './compare.ts';
import { compareCounted, partsOf } from './counts.ts';
import type { TableName } from './pg-restore.ts';

/** Tables and rows that were looked at, and how closely. */
export type Proved = { tables: number; rows: number; by: 'checksums' | 'numbers' | 'nothing' };

/** The tables whose rows are to be counted in the archive: those that the manifest has no checksum of, but for the toolkit's own. */
export function countsBeside(
  manifest: Manifest | undefined,
  only: TableName[] | undefined,
): (table: { schema: string; name: string }) => boolean {
  const summed = new Set(manifest?.tables?.map(({ name }) => JSON.stringify(partsOf(name))));
  return ({ schema, name }) =>
    schema !== 'drydock' &&
    !summed.has(JSON.stringify([schema, name])) &&
    (!only || only.some((one) => isNamed(one, schema, name)));
}

function isNamed(one: { schema?: string | null | undefined; name: string }, schema: string, name: string): boolean {
  return one.name === name && (one.schema ?? schema) === schema;
}

/** Checksums where the manifest has them; where not, the rows by their number. Green means that it was looked at. */
export async function prove(
  url: Secret,
  {
    manifest,
    counted,
    tables: only,
    jobs,
    access,
  }: {
    manifest: Manifest | undefined;
    counted: Counted[] | null;
    /** Those alone that were restored; null for all. Without a schema it is not known. */
    tables: { schema: string | null; name: string }[] | null;
    jobs: number;
    /** Whether owners and rights were restored. */
    access: boolean;
  },
): Promise<Proved & { findings: Finding[] }> {
  const summed = manifest?.tables ?? null;
  const first = await (only
    ? compareOne(url, summed?.filter(({ name }) => only.some((one) => isNamed(one, ...partsOf(name)))) ?? [])
    : manifest
      ? compareRestored(url, manifest, { jobs, access })
      : { tables: 0, rows: 0, findings: [] });
  const numbers = counted ? await compareCounted(url, counted) : { tables: 0, rows: 0, findings: [] };
  const byNumbers = summed === null || (only !== null && first.tables === 0);
  return {
    ...(byNumbers ? { tables: numbers.tables, rows: numbers.rows } : { tables: first.tables, rows: first.rows }),
    by: !byNumbers ? 'checksums' : counted ? 'numbers' : 'nothing',
    findings: [...first.findings, ...numbers.findings, ...(byNumbers && !counted ? [notCounted] : [])],
  };
}

const notCounted: Finding = {
  level: 'warn',
  code: 'ROWS_NOT_COUNTED',
  message: 'How many rows the dump has could not be told, so it could not be told either whether all are there.',
};
