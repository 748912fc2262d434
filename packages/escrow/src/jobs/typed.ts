// SQL for columns whose type is the product's own: how each is read, compared and written.
import type { Column } from './columns.ts';

const YES = ['t', 'true', 'y', 'yes', 'on', '1'];
const NO = ['f', 'false', 'n', 'no', 'off', '0', ''];
const list = (words: string[]) => words.map((word) => `'${word}'`).join(', ');

/** A boolean; null where it is null, or says neither. */
export function flagSql(column: Column | undefined, sql: string): string {
  switch (column?.kind) {
    case undefined:
    case 'boolean':
      return sql;
    case 'integer':
    case 'numeric':
    case 'float':
      return `(CASE ${sql} WHEN 0 THEN false WHEN 1 THEN true END)`;
    case 'time':
    case 'date':
      return `(${sql} IS NOT NULL)`;
    default: {
      const word = `pg_catalog.lower(pg_catalog.btrim(${sql}::text))`;
      return `(CASE WHEN ${word} IN (${list(YES)}) THEN true WHEN ${word} IN (${list(NO)}) THEN false END)`;
    }
  }
}

/** True where it is set, and where it says neither: that is told rather than left out. */
export function mayBeSetSql(column: Column | undefined, sql: string): string {
  return column === undefined || column.kind === 'boolean'
    ? sql
    : `(${sql} IS NOT NULL AND ${flagSql(column, sql)} IS NOT FALSE)`;
}

/** Words that belong together. */
const PAIRS = [
  ['t', 'f'],
  ['true', 'false'],
  ['y', 'n'],
  ['yes', 'no'],
  ['on', 'off'],
  ['1', '0'],
] as const;
const SPELLINGS = PAIRS.flatMap(([yes, no]) =>
  [(word: string) => word, upper, (word: string) => upper(word.slice(0, 1)) + word.slice(1)].map(
    (spell) => [spell(yes), spell(no)] as const,
  ),
).filter(([yes], i, all) => all.findIndex(([other]) => other === yes) === i);

function upper(word: string): string {
  return word.toUpperCase();
}

/** What is written for the boolean `value` (SQL): in a text the word that belongs to the one that is there. */
export function writtenFlagSql(column: Column | undefined, sql: string, value: string): string {
  if (!column) return value;
  switch (column.kind) {
    case 'boolean':
      return value;
    case 'integer':
    case 'numeric':
    case 'float':
      return `(CASE WHEN ${value}::boolean THEN 1 ELSE 0 END)`;
    case 'time':
    case 'date':
      return `(CASE WHEN ${value}::boolean THEN coalesce(${sql}, now()) END)`;
    default: {
      const allowed = column.kind === 'enum' ? column.labels : undefined;
      const pairs = SPELLINGS.filter((pair) => !allowed || pair.every((word) => allowed.includes(word)));
      const [usual = ['true', 'false'] as const] = pairs.filter(([yes]) => allowed || yes === 'true');
      const there = `pg_catalog.btrim(${sql}::text)`;
      const cases = pairs.map(
        ([yes, no]) =>
          `WHEN ${there} IN ('${yes}', '${no}') THEN CASE WHEN ${value}::boolean THEN '${yes}' ELSE '${no}' END`,
      );
      const written = `CASE ${cases.join(' ')} WHEN ${value}::boolean THEN '${usual[0]}' ELSE '${usual[1]}' END`;
      return column.kind === 'enum' || column.type.startsWith('bit')
        ? `(${written})::text::${column.type}`
        : `(${written})`;
    }
  }
}

/** Up to here a float holds every whole number; beyond, two may look the same. */
const EXACT = { real: 2 ** 24, 'double precision': 2 ** 53 };

/** A numeric; NaN where it is no number, or a float that may stand for several. Its text is a whole number with or without `.00`. */
export function amountSql(column: Column | undefined, sql: string): string {
  if (!column) return sql;
  switch (column.kind) {
    case 'float': {
      const most = EXACT[column.type as keyof typeof EXACT];
      // By its text: the cast to numeric rounds to 15 digits.
      return `(CASE WHEN ${sql} IS NULL THEN NULL WHEN ${sql} BETWEEN 0 AND ${most} AND ${sql} = pg_catalog.trunc(${sql}::float8) THEN ${sql}::text::numeric ELSE 'NaN'::numeric END)`;
    }
    case 'text':
      return `(CASE WHEN ${sql} IS NULL THEN NULL WHEN ${sql}::text ~ '^ *[+]?[0-9]+([.]0*)? *$' THEN pg_catalog.btrim(${sql}::text)::numeric ELSE 'NaN'::numeric END)`;
    default:
      return sql;
  }
}

/** As text: of bytes, in hexadecimal digits; of a text of fixed length, without the blanks at its end. */
export function textSql(column: Column | undefined, sql: string): string {
  return column?.kind === 'bytes' ? `('0x' || pg_catalog.encode(${sql}, 'hex'))` : `${sql}::text`;
}

export function writtenTextSql(column: Column | undefined, value: string): string {
  return column?.kind === 'bytes' ? `pg_catalog.decode(pg_catalog.substr(${value}::text, 3), 'hex')` : value;
}

/** Milliseconds since 1970 where the type says it; of numbers and texts, as they are: `sinceOf` reads them. */
export function timeSql(column: Column | undefined, sql: string): string {
  switch (column?.kind) {
    case undefined:
    case 'time':
      return `EXTRACT(EPOCH FROM (${sql} AT TIME ZONE 'UTC'))::float8 * 1000`;
    case 'date':
      return `EXTRACT(EPOCH FROM ${sql}::timestamp)::float8 * 1000`;
    default:
      return `${sql}::text`;
  }
}

/** In what unit a number counts, by its size: between 1973 and 5138 no two of these can be mistaken for each other. */
const UNITS: [number, number][] = [
  [1e8, 1_000],
  [1e11, 1],
  [1e14, 1e-3],
  [1e17, 1e-6],
];
const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?$/i;

/** Milliseconds since 1970; null where it was never set; undefined where it cannot be told. */
export function sinceOf(value: number | string | null): number | null | undefined {
  if (value === null || typeof value === 'number') return value;
  const text = value.trim();
  if (text === '' || Number(text) === 0) return null;
  if (/^\d+(\.\d+)?(e\+?\d+)?$/i.test(text)) {
    const number = Number(text);
    const unit = UNITS.findLast(([from]) => number >= from);
    return unit && number < 1e20 ? number * unit[1] : undefined;
  }
  const [, zone] = ISO.exec(text) ?? [];
  if (!ISO.test(text)) return undefined;
  const written = text.replace(' ', 'T').replace(',', '.').replace(/\s+/, '');
  // Without a zone it is UTC, as a timestamp of PostgreSQL is taken.
  const at = Date.parse(zone || !written.includes('T') ? fullZone(written) : `${written}Z`);
  return Number.isNaN(at) ? undefined : at;
}

/** PostgreSQL writes `+02`, JavaScript wants `+02:00`. */
function fullZone(text: string): string {
  return text.replace(/(T.*[+-]\d{2})(\d{2})?$/, (_, start: string, minutes = '00') => `${start}:${minutes}`);
}

/** A time, of milliseconds since 1970 (SQL, a float8): in a number in the unit of those that are there (`largest`, SQL), else in milliseconds. */
export function writtenTimeSql(column: Column | undefined, ms: string, largest: string): string {
  const at = `pg_catalog.to_timestamp(${ms} / 1000)`;
  if (!column) return `${at} AT TIME ZONE 'UTC'`;
  switch (column.kind) {
    case 'boolean':
      return 'true';
    case 'integer':
    case 'numeric':
    case 'float':
      if (column.type === 'integer' || column.type === 'smallint') return `(${ms} / 1000)::bigint`;
      return `(${ms} * CASE WHEN ${largest} < 1e11 THEN 0.001 WHEN ${largest} >= 1e17 THEN 1e6 WHEN ${largest} >= 1e14 THEN 1e3 ELSE 1 END)::bigint`;
    case 'text':
      return `pg_catalog.to_char(${at} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
    case 'time':
      return column.type.includes('with time zone') ? at : `${at} AT TIME ZONE 'UTC'`;
    case 'date':
      return `(${at} AT TIME ZONE 'UTC')::date`;
    default:
      return `${at} AT TIME ZONE 'UTC'`;
  }
}
