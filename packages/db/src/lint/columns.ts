import { calledFunctions } from '@drydock/kit/sql';
import type { ColumnDef, Constraint, TypeName } from 'libpg-query';
import { typeOf } from '../hazards/nodes.ts';
import type { Node } from '../migrations/statements.ts';

/** A type by its own name, without its schema: `numeric`, [8, 2]. */
export interface TypeFacts {
  name: string;
  /** Its modifiers, as they are written. */
  mods: number[];
  array: boolean;
}

export interface Column {
  type: TypeFacts | undefined;
  required: boolean;
  filled: Node | undefined;
}

const COUNTERS: Record<string, string> = {
  serial: 'int4',
  serial4: 'int4',
  bigserial: 'int8',
  serial8: 'int8',
  smallserial: 'int2',
  serial2: 'int2',
};

export function typeFacts(type: TypeName | undefined): TypeFacts | undefined {
  const name = typeOf(type);
  if (!type || name === undefined) return undefined;
  const mods = ((type.typmods ?? []) as Node[]).map(({ A_Const }) => A_Const?.ival?.ival ?? 0);
  return { name: COUNTERS[name] ?? name, mods, array: (type.arrayBounds ?? []).length > 0 };
}

/** Of a CREATE TABLE or an ADD COLUMN. */
export function columnOf({ typeName, constraints }: ColumnDef): Column {
  const all = constraintsOf(constraints);
  const of = (...kinds: string[]) => all.find(({ contype }) => kinds.includes(contype ?? ''));
  return {
    type: typeFacts(typeName),
    required: Boolean(
      of('CONSTR_NOTNULL', 'CONSTR_PRIMARY', 'CONSTR_IDENTITY') || (typeOf(typeName) ?? '') in COUNTERS,
    ),
    filled: of('CONSTR_DEFAULT')?.raw_expr,
  };
}

export function constraintsOf(nodes: unknown): Constraint[] {
  return ((nodes ?? []) as Node[]).flatMap(({ Constraint: found }) => (found ? [found] : []));
}

export function isCounter(type: TypeName | undefined): boolean {
  return (typeOf(type) ?? '') in COUNTERS;
}

/** Whether rows stay as they are when a column gets another type: PostgreSQL manual, ALTER TABLE, notes. */
export function keepsRows(old: TypeFacts, next: TypeFacts): boolean {
  if (old.array !== next.array) return false;
  const wider = (from: number | undefined, to: number | undefined) =>
    to === undefined || (from !== undefined && to >= from);
  const [from, to] = [old.mods, next.mods];
  if (old.name === next.name) {
    if (from.join() === to.join()) return true;
    if (old.array) return false;
    if (['varchar', 'varbit', 'timestamp', 'timestamptz', 'time', 'timetz'].includes(old.name))
      return wider(from[0], to[0]);
    if (old.name === 'numeric') return to.length === 0 || (wider(from[0], to[0]) && (from[1] ?? 0) === (to[1] ?? 0));
    return false;
  }
  if (old.array) return false;
  if (old.name === 'varchar' && next.name === 'text') return true;
  if (old.name === 'text' && next.name === 'varchar') return to.length === 0;
  return old.name === 'cidr' && next.name === 'inet';
}

/** Of PostgreSQL and the extensions that come with it: each call may give another value. */
const VOLATILE =
  /^(random|random_normal|gen_random_uuid|uuidv4|uuidv7|uuid_generate_v\d\w*|clock_timestamp|timeofday|nextval|setval|lastval|currval|gen_random_bytes|gen_salt|pg_sleep\w*|pg_advisory\w*)$/;
/** Those that a default calls, and that give the same value as long as a statement runs. */
const STEADY =
  /^(now|transaction_timestamp|statement_timestamp|current_\w+|session_user|timezone|date_trunc|date_part|make_\w+|to_(char|date|number|timestamp|jsonb?|tsvector|tsquery|hex)|lower|upper|initcap|left|right|substr|substring|trim|btrim|ltrim|rtrim|replace|concat|concat_ws|format|length|char_length|octet_length|md5|sha\d+|encode|decode|coalesce|abs|round|floor|ceil|ceiling|trunc|mod|power|array_\w+|jsonb?_\w+|string_to_array|regexp_\w+|row_to_json|hstore|st_\w+|int4|int8|text|numeric|xml\w*|unaccent|justify_\w+|age|enum_\w+|pg_catalog|txid_current|pg_current_xact_id|inet_\w+|host|network|setweight|quote_\w+|cardinality|greatest|least|strpos|position|overlay|split_part|reverse|repeat|lpad|rpad|ascii|chr|sign|sqrt|exp|ln|log|div|gcd|lcm|width_bucket|bit_\w+|point|box|circle|polygon|path|lseg|int4range|int8range|numrange|tsrange|tstzrange|daterange)$/i;

/** Of functions that the migrations make: by name, whether they are VOLATILE, which is what PostgreSQL takes one for that does not say. */
export type Volatility = (name: string) => boolean | undefined;

/** Whether an expression differs by row. What nobody here knows is taken for what PostgreSQL takes it for: VOLATILE. */
export function differsByRow(expression: unknown, volatility: Volatility): boolean {
  return calledFunctions(expression).some((name) => volatility(name) ?? (VOLATILE.test(name) || !STEADY.test(name)));
}
