import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { quoteIdentifier, usageError } from '@drydock/kit';
import { type CutStatement, cutStatements, readQueries, type SqlNode, tokensIn } from '@drydock/kit/sql';
import { readSql } from '../migrations/folder.ts';

/** A relation as the statement names it. */
export interface Relation {
  schema: string | undefined;
  name: string;
  alias: string | undefined;
}

/** An UPDATE or a DELETE, which is given a stretch of keys at a time. */
export interface RowsChange {
  kind: 'rows';
  verb: 'UPDATE' | 'DELETE';
  relation: Relation;
  /** The statement up to its WHERE, and the condition; both in the file's own words. */
  before: string;
  condition: string | undefined;
  /** Of that: what stands before UPDATE or DELETE (WITH …), and what other tables it reads (FROM …, USING …). */
  ahead: string;
  others: string;
  /** Columns that it writes, and those that its condition reads. */
  writes: string[];
  reads: string[];
}

/** A DO block that commits by itself; see `attended`. */
export interface BlockChange {
  kind: 'block';
  body: string;
  /** Where COMMITs stand in the body, in UTF-16 units: from the word to behind its semicolon. */
  commits: { from: number; to: number }[];
}

export interface BackfillScript {
  /** Of the file, without its folder: by this name its progress is kept. */
  name: string;
  file: string;
  checksum: string;
  line: number;
  change: RowsChange | BlockChange;
  /** Queries behind it that must give no row once it is done. */
  checks: CutStatement[];
}

/** A file with one UPDATE, DELETE or DO, and behind it, if wanted, SELECTs that must give no row when it is done. */
export async function readBackfill(file: string): Promise<BackfillScript> {
  const sql = readSql(file);
  const [first, ...rest] = await cutStatements(sql, file);
  if (!first) throw unfit(`${file} has no statement`);
  const change = await changeOf(first, file);
  const behind = sql.indexOf(first.sql) + first.sql.length;
  // With the lines of the file.
  const lines = sql.slice(0, behind).replaceAll(/[^\n]/g, '');
  const checks = await readQueries(lines + sql.slice(behind).replace(/^(\s*);/, '$1'), file);
  if (checks.length !== rest.length) throw unfit(`${file} has more than one statement that changes something`);
  return {
    name: basename(file, '.sql'),
    file,
    checksum: createHash('sha256').update(sql).digest('hex'),
    line: first.line,
    change,
    checks,
  };
}

async function changeOf({ sql, node, line }: CutStatement, file: string): Promise<BackfillScript['change']> {
  const at = `${file}:${line}`;
  if (node.DoStmt) return blockOf(node, at);
  const change = node.UpdateStmt ?? node.DeleteStmt;
  if (!change) throw unfit(`${at} is no UPDATE, DELETE or DO`);
  if (change.returningClause || (change as { returningList?: unknown[] }).returningList?.length)
    throw unfit(`${at} has a RETURNING, and nobody reads what it returns`);
  if ((change.whereClause as SqlNode | undefined)?.CurrentOfExpr) throw unfit(`${at} asks for WHERE CURRENT OF`);
  const { relation } = change;
  const parts = await split(sql);
  const targets = (node.UpdateStmt?.targetList ?? []) as SqlNode[];
  return {
    kind: 'rows',
    verb: node.UpdateStmt ? 'UPDATE' : 'DELETE',
    relation: { schema: relation?.schemaname, name: relation?.relname ?? '', alias: relation?.alias?.aliasname },
    ...parts,
    writes: targets.flatMap(({ ResTarget }) => ResTarget?.name ?? []),
    reads: columnsIn(change.whereClause),
  };
}

/** At its own words: what stands in parentheses has others. */
async function split(sql: string): Promise<Pick<RowsChange, 'before' | 'condition' | 'ahead' | 'others'>> {
  // Tokens are placed in bytes.
  const bytes = Buffer.from(sql);
  const at: { verb?: number; others?: number; where?: { from: number; to: number } } = {};
  let depth = 0;
  let previous = '';
  for (const token of await tokensIn(sql)) {
    const { text, start, end } = token;
    const word = wordOf(token);
    if (text === '(' || text === '[') depth++;
    else if (text === ')' || text === ']') depth--;
    else if (depth === 0) {
      if (word === 'update' || word === 'delete') at.verb ??= start;
      // DELETE FROM names the table itself; IS DISTINCT FROM compares.
      else if (word === 'using' || (word === 'from' && previous !== 'delete' && previous !== 'distinct'))
        at.others ??= end;
      else if (word === 'where') at.where ??= { from: start, to: end };
    }
    previous = word;
  }
  const text = (from: number, to = bytes.length) => bytes.subarray(from, to).toString();
  const { verb = 0, others, where } = at;
  return {
    before: text(0, where?.from),
    condition: where && text(where.to),
    ahead: text(0, verb),
    others: others === undefined ? '' : text(others, where?.from),
  };
}

/** The statement with its condition and one more, which may hold parameters. */
export function within({ before, condition }: RowsChange, window: string): string {
  // A comment at the end of a line ends with it.
  return condition === undefined ? `${before}\nWHERE ${window}` : `${before}WHERE (${condition}\n) AND ${window}`;
}

/** How many rows are still as its condition means them, within `window`; `keys` are names of the table's, qualified. */
export function countOfLeft(
  { relation, ahead, others, condition }: RowsChange,
  keys: string[],
  window: string,
): string {
  const { schema, name, alias } = relation;
  const table = [schema, name]
    .filter((part) => part !== undefined)
    .map(quoteIdentifier)
    .join('.');
  const from = [`${table}${alias ? ` AS ${quoteIdentifier(alias)}` : ''}`, ...(others ? [`${others}\n`] : [])].join(
    ', ',
  );
  const where = condition === undefined ? window : `(${condition}\n) AND ${window}`;
  return `${ahead}SELECT count(*)::float8 AS n FROM (SELECT DISTINCT ${keys.join(', ')} FROM ${from} WHERE ${where}) AS drydock_left`;
}

function columnsIn(node: unknown): string[] {
  const found: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const fields = (value as SqlNode).ColumnRef?.fields as SqlNode[] | undefined;
    const name = fields?.at(-1)?.String?.sval;
    if (name !== undefined) found.push(name);
    for (const part of Object.values(value)) walk(part);
  };
  walk(node);
  return found;
}

async function blockOf({ DoStmt }: SqlNode, at: string): Promise<BlockChange> {
  const option = (name: string) =>
    ((DoStmt?.args ?? []) as SqlNode[]).find(({ DefElem }) => DefElem?.defname === name)?.DefElem?.arg as
      | SqlNode
      | undefined;
  const language = option('language')?.String?.sval?.toLowerCase() ?? 'plpgsql';
  if (language !== 'plpgsql') throw unfit(`${at} is a DO in ${language}, which is not read here`);
  const body = option('as')?.String?.sval ?? '';
  const tokens = await tokensIn(body);
  const bytes = Buffer.from(body);
  const units = (offset: number) => bytes.subarray(0, offset).toString().length;
  const commits = tokens.flatMap((token, n) => {
    const before = tokens[n - 1]?.text.toLowerCase();
    if (wordOf(token) !== 'commit' || !before || !BEGINS.has(before)) return [];
    const end = tokens.slice(n + 1).find(({ text }) => text === ';');
    return end ? [{ from: units(token.start), to: units(end.end) }] : [];
  });
  if (commits.length === 0)
    throw unfit(
      `${at} commits nowhere: it would do all of it in one transaction`,
      'Change a few thousand rows at a time in its loop, and COMMIT behind each.',
    );
  return { kind: 'block', body, commits };
}

/** A word of SQL in lower case; of a name in quotes, a string or a sign nothing. */
function wordOf({ keywordName, text }: { keywordName: string; text: string }): string {
  return keywordName === 'NO_KEYWORD' ? '' : text.toLowerCase();
}

/** Behind which a statement of PL/pgSQL begins. */
const BEGINS = new Set([';', 'begin', 'then', 'else', 'loop']);

/**
 * The DO with a call of `counted` before each of its COMMITs, in the same transaction, and of `held` behind it: functions that return a
 * boolean. As conditions they leave FOUND and ROW_COUNT as they are, which the block may ask for next.
 */
export function attended({ body, commits }: BlockChange, counted: string, held: string): string {
  const call = (name: string) => `IF ${name}() THEN END IF;`;
  let made = '';
  let at = 0;
  for (const { from, to } of commits) {
    made += `${body.slice(at, from)}${call(counted)} ${body.slice(from, to)} ${call(held)}`;
    at = to;
  }
  made += body.slice(at);
  let tag = '$drydock$';
  while (made.includes(tag)) tag = tag.replace(/\$$/, '_$');
  return `DO LANGUAGE plpgsql ${tag}${made}${tag}`;
}

function unfit(
  message: string,
  hint = 'One UPDATE, DELETE, or DO with COMMIT; behind it SELECTs that must give no row.',
) {
  return usageError('BACKFILL_UNFIT', `${message}.`, hint);
}
