import { OpsError } from '../errors.ts';
import type { SqlNode } from './node.ts';
import { compileForShortRuns } from './quick.ts';
import { mayChangeReading, type Reading, readingAfter, readSegment, type Segment } from './reading.ts';

/** A statement of a file, as PostgreSQL's own parser cuts it out. */
export interface CutStatement {
  /** The file's own bytes, from the first token on; comments inside it stay. */
  sql: string;
  /** Line in the file, from 1, and column in that, in characters, from 1. */
  line: number;
  column: number;
  node: SqlNode;
  /** What stands before it: blanks and comments. */
  comments: string;
  /**
   * The value of standard_conforming_strings that it was cut under: on, unless the file itself sets it off before. Where
   * a server has another by then, it reads a backslash in a plain string otherwise (see `readsBackslashes`).
   */
  conforming: boolean;
}

/** What PostgreSQL's lexer takes for blanks; to it a no-break space is part of a name. */
const BLANK = /^[ \t\n\r\f\v]*$/;
const BLANKS_BEHIND = /[ \t\n\r\f\v]+$/;

/**
 * Cuts a text into its statements where PostgreSQL's parser (libpg-query) begins and ends them: nothing is found or
 * stripped by hand. A syntax error (SQL_SYNTAX) names file, line and column.
 */
export async function cutStatements(sql: string, file: string): Promise<CutStatement[]> {
  // The parser takes no empty text, and reads none behind a NUL.
  if (BLANK.test(sql)) return [];
  const nul = sql.indexOf('\0');
  if (nul !== -1) throw syntaxError(sql, file, nul, 'a NUL byte, behind which PostgreSQL reads nothing');
  compileForShortRuns();
  const bytes = Buffer.from(sql);
  const whole = { bytes, text: sql, inserted: [] };
  if (!mayChangeReading(sql)) return cutSegment(whole, { sql, file, at: 0, conforming: true });
  // Read by the standard up to the first SET that says otherwise: if none does, that was right to the end.
  const plain = await cutSegment(whole, { sql, file, at: 0, conforming: true }).catch(() => undefined);
  const reads = (before: Reading, { node }: CutStatement) => readingAfter(before, node);
  if (plain?.every(({ node }) => isStandard(readingAfter(STANDARD, node)))) return plain;
  const statements: CutStatement[] = [];
  let reading = STANDARD;
  for (let at = 0; at < bytes.length; ) {
    const conforming = reading.local ?? reading.session;
    const segment = await readSegment(bytes.subarray(at), conforming);
    const cut = await cutSegment(segment, { sql, file, at, conforming });
    statements.push(...cut);
    reading = cut.reduce(reads, reading);
    at += segment.bytes.length;
  }
  return statements;
}

const STANDARD: Reading = { session: true };

function isStandard({ session, local }: Reading): boolean {
  return local ?? session;
}

interface Place {
  sql: string;
  file: string;
  /** Where the segment begins, in bytes. */
  at: number;
  conforming: boolean;
}

async function cutSegment({ bytes, text, inserted }: Segment, place: Place): Promise<CutStatement[]> {
  if (BLANK.test(text)) return [];
  const { sql, file, at, conforming } = place;
  // Locations are in bytes, of the text that was parsed.
  const original = (offset: number) =>
    inserted.reduce((moved, { at: from, bytes: more }) => (from < offset ? moved - more : moved), offset);
  const { parse } = await import('libpg-query');
  let stmts: { stmt?: SqlNode; stmt_location?: number; stmt_len?: number }[] | undefined;
  try {
    ({ stmts } = (await parse(text)) as { stmts?: typeof stmts });
  } catch (cause) {
    const { message, sqlDetails } = cause as { message: string; sqlDetails?: { cursorPosition?: number } };
    const before = text.slice(0, unitsOf(text, sqlDetails?.cursorPosition ?? 0));
    const units = Buffer.from(sql)
      .subarray(0, at + original(Buffer.byteLength(before)))
      .toString().length;
    throw syntaxError(sql, file, units, message, cause);
  }
  const placeAt = placeCounter(Buffer.from(sql));
  let end = 0;
  return (stmts ?? []).map(({ stmt: node = {}, stmt_location = 0, stmt_len }) => {
    const start = original(stmt_location);
    const comments = bytes.subarray(end, start).toString().replace(/^;/, '');
    end = stmt_len ? original(stmt_location + stmt_len) : bytes.length;
    const text = bytes.subarray(start, end).toString().replace(BLANKS_BEHIND, '');
    return { sql: text, ...placeAt(at + start), node, comments, conforming };
  });
}

/** Counts on from the last offset asked for: a file may have a hundred thousand statements. */
function placeCounter(bytes: Buffer): (offset: number) => { line: number; column: number } {
  let [at, line, begin] = [0, 1, 0];
  return (offset) => {
    for (; at < offset; at++) if (bytes[at] === 0x0a) [line, begin] = [line + 1, at + 1];
    return { line, column: [...bytes.subarray(begin, offset).toString()].length + 1 };
  };
}

function syntaxError(sql: string, file: string, at: number, message: string, cause?: unknown): OpsError {
  return new OpsError({
    code: 'SQL_SYNTAX',
    message: `${file}:${placeOf(sql, at)}: ${message}.`,
    hint: 'Nothing of it was run. Mend the file and run it again.',
    cause,
  });
}

/** `line:column`, both from 1; an emoji counts as one, as PostgreSQL has it. */
function placeOf(sql: string, units: number): string {
  const before = sql.slice(0, units).split('\n');
  return `${before.length}:${[...(before.at(-1) ?? '')].length + 1}`;
}

/** JavaScript's offset (UTF-16) of one in characters, in which PostgreSQL counts. */
function unitsOf(sql: string, characters: number): number {
  let units = 0;
  for (let left = characters; left > 0 && units < sql.length; left--)
    units += (sql.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  return units;
}

const called = new WeakMap<object, string[]>();

/** The names of all functions that a statement calls by itself, or each of a list, without their schema; what those call is not seen. */
export function calledFunctions(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(calledFunctions);
  if (typeof node !== 'object' || node === null) return [];
  const names = called.get(node) ?? namesCalled(node);
  called.set(node, names);
  return names;
}

function namesCalled(node: object): string[] {
  const names: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const name = ((value as SqlNode).FuncCall?.funcname as SqlNode[] | undefined)?.at(-1)?.String?.sval;
    if (name !== undefined) names.push(name);
    // Arrays as well.
    for (const key in value) walk((value as Record<string, unknown>)[key]);
  };
  walk(node);
  return names;
}
