import type { Constraint, IndexStmt, RangeVar } from 'libpg-query';
import { constraintName, indexName } from '../hazards/names.ts';
import type { Node } from '../migrations/statements.ts';
import type { TableFacts } from '../seen/facts.ts';
import type { Named, NamedTable } from '../seen/tables.ts';
import type { Column } from './columns.ts';

/** An index by what its syntax says of it. */
export interface Index {
  name: string;
  /** Its key; an expression is ''. */
  columns: string[];
  unique: boolean;
  /** Without those that it leaves out. */
  partial: boolean;
  stmt: IndexStmt | undefined;
}

export interface Kept {
  name: string;
  kind: Constraint['contype'];
  columns: string[];
  valid: boolean;
  check: Node | undefined;
  to: RangeVar | undefined;
  /** The migration that made it is looked at, and this is its line. */
  at: { migration: string; file: string; line: number } | undefined;
}

/** A table as the migrations so far have made it. */
export class TableModel {
  schema: string;
  name: string;
  /** pg_class.relkind. */
  kind: string;
  /** It may have rows: it was there before what is looked at. */
  filled: boolean;
  /** All of its columns are known. */
  complete: boolean;
  columns = new Map<string, Column>();
  indexes = new Map<string, Index>();
  constraints = new Map<string, Kept>();
  /** Partitions, and heirs. */
  below: TableModel[] = [];
  /** The partition that takes what fits nowhere else. */
  rest = false;
  /** Columns that decide in which partition a row is. */
  by: string[] = [];

  constructor(
    { schema, name, kind }: { schema: string; name: string; kind: string },
    filled: boolean,
    complete = true,
  ) {
    [this.schema, this.name, this.kind] = [schema, name, kind];
    this.filled = filled;
    this.complete = complete;
  }

  get label(): string {
    return [...(this.schema === DEFAULT_SCHEMA ? [] : [this.schema]), this.name].map(quoted).join('.');
  }

  get leaves(): TableModel[] {
    return this.below.flatMap((one) => [one, ...one.leaves]);
  }

  /** Those with rows of their own. */
  get holders(): TableModel[] {
    const parts = this.leaves.filter(({ kind }) => kind !== 'p');
    return this.kind === 'p' ? (parts.length > 0 ? parts : [this]) : [this, ...parts];
  }

  /** As rules know it. How many rows it has is not known. */
  named(): NamedTable {
    const { schema, name, label, kind, filled } = this;
    const rows = filled ? Number.POSITIVE_INFINITY : 0;
    return { oid: 0, schema, name, label, kind, rows, bytes: 0, leaves: this.leaves.map((one) => one.named()) };
  }

  facts(viewed: ReadonlySet<string>): TableFacts | undefined {
    if (!this.complete) return undefined;
    const nullable = [...this.columns].filter(([, { required }]) => !required).map(([name]) => name);
    const indexes = [...this.indexes.values()].filter(({ partial, columns }) => !partial && !columns.includes(''));
    const hung = new Set([
      ...[...this.indexes.values()].flatMap(({ columns, stmt }) => [...columns, ...namesIn(stmt)]),
      ...[...this.constraints.values()].flatMap(({ columns, check }) => [...columns, ...namesIn(check)]),
      ...viewed,
    ]);
    return {
      taken: [...this.constraints.keys(), ...this.columns.keys()],
      nullable,
      free: nullable.filter((name) => !hung.has(name) && !this.columns.get(name)?.filled),
      indexes: indexes.map(({ columns, unique }) => ({ columns, unique })),
      partitions: {
        flat: this.below.every(({ kind }) => kind === 'r'),
        rest: this.below.some(({ rest }) => rest),
      },
    };
  }

  addIndex(stmt: IndexStmt): Index {
    const keys = ((stmt.indexParams ?? []) as Node[]).map(({ IndexElem }) => IndexElem?.name ?? '');
    const made = indexName(
      { relname: this.name },
      keys.map((key) => key || 'expr'),
    );
    const index: Index = {
      name: stmt.idxname ?? made,
      columns: keys,
      unique: stmt.unique === true,
      partial: stmt.whereClause !== undefined,
      stmt,
    };
    this.indexes.set(index.name, index);
    // Of a partitioned table it is one of each partition as well.
    if (this.kind === 'p' && stmt.relation?.inh !== false)
      for (const { indexes } of this.below) indexes.set(`${index.name} of ${this.name}`, index);
    return index;
  }

  addConstraint(constraint: Constraint, column: string | undefined, at: Kept['at']): void {
    const { contype, keys, fk_attrs, indexname, skip_validation } = constraint;
    const name = constraint.conname ?? constraintName({ relname: this.name }, constraint, column);
    const named = ((keys ?? fk_attrs ?? []) as Node[]).map((key) => key.String?.sval ?? '');
    const prepared = indexname ? this.indexes.get(indexname) : undefined;
    const columns = prepared?.columns ?? (named.length > 0 ? named : column ? [column] : []);
    if (contype === 'CONSTR_NOTNULL') {
      for (const one of columns) this.require(one);
      if (!constraint.conname) return;
    }
    if (contype === 'CONSTR_PRIMARY') for (const one of columns) this.require(one);
    if (contype === 'CONSTR_PRIMARY' || contype === 'CONSTR_UNIQUE' || contype === 'CONSTR_EXCLUSION') {
      if (indexname) this.indexes.delete(indexname);
      this.indexes.set(name, {
        name,
        columns,
        unique: contype !== 'CONSTR_EXCLUSION',
        partial: false,
        stmt: undefined,
      });
    }
    this.constraints.set(name, {
      ...{ name, kind: contype, columns, at },
      valid: !skip_validation,
      check: contype === 'CONSTR_CHECK' ? constraint.raw_expr : undefined,
      to: constraint.pktable,
    });
  }

  require(column: string): void {
    const known = this.columns.get(column);
    if (known) known.required = true;
    else if (!this.complete) this.columns.set(column, { type: undefined, required: true, filled: undefined });
  }

  /** A valid CHECK says that a column has a value: SET NOT NULL then reads nothing. */
  provesFilled(column: string): boolean {
    return [...this.constraints.values()].some(({ valid, check }) => valid && saysFilled(check, column));
  }
}

function saysFilled(check: Node | undefined, column: string): boolean {
  if (check?.BoolExpr?.boolop === 'AND_EXPR')
    return (check.BoolExpr.args as Node[]).some((one) => saysFilled(one, column));
  const { NullTest: test } = check ?? {};
  return test?.nulltesttype === 'IS_NOT_NULL' && namesIn(test.arg).join() === column;
}

/** Last names of the columns that an expression names. */
export function namesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const fields = (value as Node).ColumnRef?.fields as Node[] | undefined;
  const name = fields?.at(-1)?.String?.sval;
  return [...(name ? [name] : []), ...Object.values(value).flatMap(namesIn)];
}

/** Prisma's own where nothing is said. */
export const DEFAULT_SCHEMA = 'public';

export const keyOf = ({ schemaname, relname = '' }: Named) => JSON.stringify([schemaname ?? DEFAULT_SCHEMA, relname]);

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** Tables that have a column of a type. */
export function columnsTyped(tables: Iterable<TableModel>, name: string): TableModel[] {
  return [...tables].filter(({ columns }) => [...columns.values()].some(({ type }) => type?.name === name));
}
