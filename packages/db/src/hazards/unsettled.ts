import type { Finding } from '@drydock/kit';
import type { Unsettled } from '../seen/keys.ts';
import type { Table } from '../seen/tables.ts';
import { indexName } from './names.ts';
import { writeSql } from './nodes.ts';
import { indexSteps } from './recipes.ts';
import { about, type Limits, weigh } from './types.ts';

/** What all pending migrations together leave: constraints that nobody validated, foreign keys without an index. */
export async function unsettledFindings(
  before: Unsettled[],
  after: Unsettled[],
  { tables, limits, last }: { tables: Table[]; limits: Limits; last: string },
): Promise<Finding[]> {
  const known = new Set(before.map(({ oid, what }) => `${what} ${oid}`));
  const findings: Finding[] = [];
  for (const one of after.filter(({ oid, what }) => !known.has(`${what} ${oid}`)))
    findings.push(one.what === 'invalid' ? leftInvalid(one, last) : await unindexed(one, tables, limits));
  return findings;
}

function leftInvalid({ schema, table, name }: Unsettled, last: string): Finding {
  return {
    level: 'warn',
    code: 'LEFT_INVALID',
    about: `${schema}.${table}.${name}`,
    message: `constraint ${schema}.${table}.${name} is left invalid after ${last}.`,
    hint: 'ALTER TABLE … VALIDATE CONSTRAINT in a migration that follows.',
  };
}

/** By how many rows there are now; of a table that is new nobody knows. */
async function unindexed(
  { name, label, table, columns, kind }: Unsettled,
  tables: Table[],
  limits: Limits,
): Promise<Finding> {
  const rows = tables.find((one) => one.label === label)?.rows ?? 0;
  const level = weigh({ rows }, { limits, allRows: false, observed: NOTHING }) ?? 'info';
  const relation = { relname: table, inh: true, relpersistence: 'p' };
  const index = {
    idxname: indexName(relation, columns),
    accessMethod: 'btree',
    indexParams: columns.map((column) => ({
      IndexElem: { name: column, ordering: 'SORTBY_DEFAULT' as const, nulls_ordering: 'SORTBY_NULLS_DEFAULT' as const },
    })),
  };
  const steps =
    kind === 'r' ? indexSteps(relation, index, { table: { ...EMPTY, label }, facts: undefined }) : undefined;
  return {
    level: level === 'error' ? 'warn' : level,
    code: 'FOREIGN_KEY_UNINDEXED',
    about: `${name} of ${label}`,
    message: `The foreign key ${name} of ${label} (${rows > 0 ? about(rows) : 'no rows yet'}) has no index that begins with ${columns.join(', ')}: each delete of a parent, and each change of its key, reads all of it.`,
    hint: 'An index of these columns, CONCURRENTLY and alone in a migration of its own.',
    ...(steps ? { recipe: await writeSql(steps) } : {}),
  };
}

const EMPTY = { oid: 0, leaves: [], kind: 'r', schema: '', name: '', rows: 0, bytes: 0 };
const NOTHING = { durationMs: 0 } as Parameters<typeof weigh>[1]['observed'];
