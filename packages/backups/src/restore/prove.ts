import type { Finding, Secret } from '@drydock/kit';
import type { Counted, TableOf } from '../archive/reader.ts';
import type { TableSum } from '../dump/checksums.ts';
import { isOurs } from '../dump/sums.ts';
import type { Manifest } from '../manifest.ts';
import { keyOfName, keyOfTable, partsOf } from '../table-name.ts';
import { type Comparison, compareOne, compareRestored, type Passed } from './compare.ts';
import type { Plain } from './compare-rows.ts';
import { compareCounted } from './counts.ts';
import type { TableName } from './pg-restore.ts';

/** Tables and rows that were looked at, and how closely. */
export type Proved = { tables: number; rows: number; by: 'checksums' | 'numbers' | 'nothing' };

/**
 * The tables whose rows are to be counted and summed in the archive, but for the toolkit's own: where the manifest has sums that a server
 * made, those that it has none of.
 */
export function countsBeside(
  manifest: Manifest | undefined,
  only: TableName[] | undefined,
): (table: { schema: string; name: string }) => boolean {
  const bySql = manifest?.format === 1 ? (manifest.tables ?? []) : [];
  const summed = new Set(bySql.map(({ name }) => keyOfName(name)));
  return (table) =>
    !isOurs(table) &&
    !summed.has(keyOfTable(table)) &&
    (!only || only.some((one) => isNamed(one, table.schema, table.name)));
}

function isNamed(one: { schema?: string | null | undefined; name: string }, schema: string, name: string): boolean {
  return one.name === name && (one.schema ?? schema) === schema;
}

export interface Proving {
  manifest: Manifest | undefined;
  counted: Counted[] | null;
  /** Of the dump, as it passed; null where that could not be told. */
  largeObjects?: Passed['largeObjects'] | null;
  /** Those alone that were restored; null for all. Without a schema it is not known. */
  tables: { schema: string | null; name: string }[] | null;
  jobs: number;
  /** Whether owners and rights were restored. */
  access: boolean;
  /** Reads all rows again, from where they are: not what passed is proved, but what came of it. */
  again?: Plain;
}

/**
 * Checksums where the manifest has them; where not, the rows by their number. What a dump told on its way into pg_restore is
 * compared with the manifest, and with the number of rows that are there. Green means that it was looked at.
 */
export async function prove(url: Secret, proving: Proving): Promise<Proved & { findings: Finding[] }> {
  const { manifest, counted, tables: only, again } = proving;
  const summed = manifest?.tables ?? null;
  const looking = only
    ? compareOne(url, summed?.filter(({ name }) => only.some((one) => isNamed(one, ...partsOf(name)))) ?? [], {
        format: manifest?.format ?? 3,
        passed: counted,
      })
    : manifest
      ? compareRestored(url, manifest, { ...proving, passed: again ? undefined : passedOf(proving), plain: again })
      : NOTHING;
  const counting = counted ? compareCounted(url, counted.filter(notIn(again ? summed : null))) : NOTHING;
  const [first, numbers] = await Promise.all([looking, counting]);
  const byNumbers = summed === null || (only !== null && first.tables === 0);
  // What is not there at all, the first look has told.
  const more = numbers.findings.filter(({ code }) => first.findings.every((one) => one.code !== code));
  const findings = [...first.findings, ...more];
  return {
    ...(byNumbers ? { tables: numbers.tables, rows: numbers.rows } : { tables: first.tables, rows: first.rows }),
    by: !byNumbers ? 'checksums' : counted ? 'numbers' : 'nothing',
    findings: [...findings, ...(byNumbers && !counted ? [notCounted] : [])],
  };
}

function passedOf({ counted, largeObjects }: Proving): Passed | undefined {
  return counted && largeObjects ? { tables: counted, largeObjects } : undefined;
}

const NOTHING: Comparison = { tables: 0, rows: 0, findings: [] };

/** Those whose sum the manifest does not have. */
function notIn(summed: TableSum[] | null): (table: TableOf) => boolean {
  const known = new Set(summed?.map(({ name }) => keyOfName(name)));
  return (table) => !known.has(keyOfTable(table));
}

const notCounted: Finding = {
  level: 'warn',
  code: 'ROWS_NOT_COUNTED',
  message: 'How many rows the dump has could not be told, so it could not be told either whether all are there.',
};
