import type { Constraint, RangeVar } from 'libpg-query';
import type { Node } from '../migrations/statements.ts';

/** Bytes of a name: PostgreSQL manual, 4.1.1. */
const LONGEST = 63;
const bytes = (text: string) => Buffer.byteLength(text);

/** As PostgreSQL would name a constraint that has no name: manual, CREATE TABLE. */
export function constraintName(relation: RangeVar, constraint: Constraint, column: string | undefined): string {
  const keys = ((constraint.keys ?? constraint.fk_attrs ?? []) as Node[]).map((key) => key.String?.sval);
  const columns = keys.length > 0 ? keys : [column];
  const suffix: Record<string, string> = { CONSTR_FOREIGN: 'fkey', CONSTR_PRIMARY: 'pkey', CONSTR_CHECK: 'check' };
  const middle = constraint.contype === 'CONSTR_PRIMARY' ? [] : columns.filter((name) => name !== undefined);
  return joined(relation.relname ?? '', middle, suffix[constraint.contype ?? ''] ?? 'key');
}

/** As PostgreSQL would name an index of these columns. */
export function indexName(relation: RangeVar, columns: string[]): string {
  return joined(relation.relname ?? '', columns, 'idx');
}

/** A name that nothing of the table has. */
export function freeName(name: string, taken: string[]): string {
  const short = fit(name, LONGEST - 3);
  for (let n = 0; ; n++) {
    const one = n === 0 ? short : `${short}_${n}`;
    if (!taken.includes(one)) return one;
  }
}

/** The longer of table and columns gives way, as PostgreSQL has it (makeObjectName). */
function joined(table: string, columns: string[], suffix: string): string {
  let [first, second] = [table, columns.join('_')];
  const room = LONGEST - bytes(suffix) - 1 - (second ? 1 : 0);
  while (bytes(first) + bytes(second) > room)
    if (bytes(first) > bytes(second)) first = first.slice(0, -1);
    else second = second.slice(0, -1);
  return [first, second, suffix].filter(Boolean).join('_');
}

function fit(name: string, most: number): string {
  let cut = name;
  while (bytes(cut) > most) cut = cut.slice(0, -1);
  return cut;
}
