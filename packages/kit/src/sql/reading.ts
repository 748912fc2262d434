import type { ScanToken } from 'libpg-query';
import type { SqlNode } from './node.ts';

/**
 * Where standard_conforming_strings is off, PostgreSQL reads a backslash in a plain string as an escape: 'a\'; DROP …' is
 * then one string, or two statements (manual, 4.1.2.2 and 20.13.1). Its parser as we have it knows the standard alone.
 */
export interface Reading {
  session: boolean;
  /** By SET LOCAL, until the transaction ends. */
  local?: boolean | undefined;
  /** What it was when the file's own transaction began. */
  atBegin?: boolean | undefined;
  /** And at the savepoints that are open in it. */
  savepoints?: { name: string | undefined; session: boolean; local: boolean | undefined }[];
}

/** A stretch of a file that is read in one way. */
export interface Segment {
  bytes: Buffer;
  /** What means the same to a parser of the standard. */
  text: string;
  /** What was put into it, in bytes of `text`. */
  inserted: Inserted[];
}

interface Inserted {
  at: number;
  bytes: number;
}

const SETTING = 'standard_conforming_strings';

/** Whether a file may change how the rest of it is read: it has to name the setting. */
export function mayChangeReading(sql: string): boolean {
  return sql.toLowerCase().includes(SETTING);
}

/** The reading behind a statement. What only the server can know (set_config, a function) is not seen here. */
export function readingAfter(reading: Reading, node: SqlNode): Reading {
  const { VariableSetStmt: set, TransactionStmt, DiscardStmt } = node;
  const { session, local, atBegin, savepoints = [] } = reading;
  const inside = { atBegin, savepoints };
  if (DiscardStmt?.target === 'DISCARD_ALL' || set?.kind === 'VAR_RESET_ALL') return { session: true, ...inside };
  if (set?.name === SETTING) {
    const value = set.kind === 'VAR_SET_VALUE' ? isOn(set.args?.[0] as SqlNode | undefined) : true;
    return set.is_local ? { ...reading, local: value } : { session: value, ...inside };
  }
  const name = TransactionStmt?.savepoint_name;
  const at = savepoints.findLastIndex((savepoint) => savepoint.name === name);
  switch (TransactionStmt?.kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      return { ...reading, atBegin: atBegin ?? session };
    case 'TRANS_STMT_SAVEPOINT':
      return { ...reading, savepoints: [...savepoints, { name, session, local }] };
    case 'TRANS_STMT_RELEASE':
      return { ...reading, savepoints: savepoints.slice(0, Math.max(at, 0)) };
    case 'TRANS_STMT_ROLLBACK_TO':
      return { ...reading, ...valueAt(savepoints[at]), savepoints: savepoints.slice(0, at + 1) };
    case 'TRANS_STMT_COMMIT':
      return begun(session, TransactionStmt.chain);
    case 'TRANS_STMT_ROLLBACK':
      return begun(atBegin ?? session, TransactionStmt.chain);
    default:
      return reading;
  }
}

function valueAt(savepoint: Pick<Reading, 'session' | 'local'> | undefined): Partial<Reading> {
  return savepoint ? { session: savepoint.session, local: savepoint.local } : {};
}

/** AND CHAIN begins the next transaction at once. */
function begun(session: boolean, chain: boolean | undefined): Reading {
  return { session, ...(chain ? { atBegin: session } : {}) };
}

/** As PostgreSQL reads a boolean: any beginning of the word. */
function isOn(value: SqlNode | undefined): boolean {
  const constant = value?.A_Const;
  const text = String(constant?.sval?.sval ?? constant?.ival?.ival ?? 0).toLowerCase();
  return !/^(of|off|f|fa|fal|fals|false|n|no|0)$/.test(text);
}

/** What may change the reading, by its first word: it begins behind a semicolon, and has none within. */
const CHANGES = /^(set|reset|discard|begin|start|commit|end|rollback|abort)$/i;

/** The beginning of `rest` up to and with the first statement that may change how what follows is read. */
export async function readSegment(rest: Buffer, conforming: boolean): Promise<Segment> {
  const pieces: Segment[] = [];
  let from = 0;
  for (let end = rest.indexOf(';'); end !== -1; end = rest.indexOf(';', end + 1)) {
    const piece = await readPiece(rest.subarray(from, end + 1), conforming);
    const tokens = (await tokensOf(piece.text))?.filter(({ tokenName }) => !tokenName.endsWith('_COMMENT'));
    // A semicolon of a string, a body or a comment ends nothing: the piece goes on to the next.
    if (tokens?.at(-1)?.text !== ';') continue;
    pieces.push(piece);
    from = end + 1;
    if (CHANGES.test(tokens[0]?.text ?? '')) return joined(pieces);
  }
  return joined([...pieces, await readPiece(rest.subarray(from), conforming)]);
}

function joined(pieces: Segment[]): Segment {
  let length = 0;
  const inserted: Inserted[] = [];
  for (const piece of pieces) {
    inserted.push(...piece.inserted.map(({ at, bytes }) => ({ at: at + length, bytes })));
    length += Buffer.byteLength(piece.text);
  }
  return {
    bytes: Buffer.concat(pieces.map(({ bytes }) => bytes)),
    text: pieces.map(({ text }) => text).join(''),
    inserted,
  };
}

/** Where backslashes are escapes, a plain string that has one is written with the E that says so. */
async function readPiece(bytes: Buffer, conforming: boolean): Promise<Segment> {
  let text = bytes;
  const inserted: Inserted[] = [];
  for (let at = conforming ? -1 : text.indexOf('\\'); at !== -1; at = text.indexOf('\\', at + 1)) {
    // Closed right here, the text before tells what the backslash is in.
    const tokens = await tokensOf(`${text.subarray(0, at).toString()}'`);
    const last = tokens?.at(-1);
    if (last?.tokenName !== 'SCONST' || !last.text.startsWith("'") || last.end !== at + 1) continue;
    // N'…' is an N before a plain string, and no N before an E; NCHAR stands before either.
    const previous = tokens?.at(-2);
    const national = previous?.end === last.start && previous.text.toLowerCase() === 'n';
    const put = Buffer.from(national ? 'CHAR E' : 'E');
    text = Buffer.concat([text.subarray(0, last.start), put, text.subarray(last.start)]);
    inserted.push({ at: last.start, bytes: put.length });
    at += put.length;
  }
  return { bytes, text: text.toString(), inserted };
}

/** Undefined where the text ends within a string or a comment. */
async function tokensOf(text: string): Promise<ScanToken[] | undefined> {
  if (text === '') return [];
  const { scan } = await import('libpg-query');
  try {
    return (await scan(text)).tokens;
  } catch {
    return undefined;
  }
}

/** Whether what a statement means hangs on standard_conforming_strings: a plain string of it has a backslash. */
export async function readsBackslashes(sql: string): Promise<boolean> {
  if (!sql.includes('\\')) return false;
  const tokens = await tokensOf(sql);
  // Cut under the other reading, it may be no whole text in this one.
  return (
    !tokens ||
    tokens.some(({ tokenName, text }) => tokenName === 'SCONST' && text.startsWith("'") && text.includes('\\'))
  );
}

/** The significant tokens of a statement. */
export async function tokensIn(sql: string): Promise<ScanToken[]> {
  return ((await tokensOf(sql)) ?? []).filter(({ tokenName }) => !tokenName.endsWith('_COMMENT'));
}

/**
 * A statement as it may be shown to others: its words, with … in place of each string and each longer number. One that is cut off
 * within a string ends there.
 */
export async function withoutValues(sql: string): Promise<string> {
  const tokens = await tokensOf(sql);
  if (!tokens) return `${sql.replace(/['"$][\s\S]*$/, '')}…`;
  const bytes = Buffer.from(sql);
  let shown = '';
  let at = 0;
  for (const { tokenName, text, start, end } of tokens) {
    const string = ['SCONST', 'USCONST', 'BCONST', 'XCONST'].includes(tokenName);
    const number = ['ICONST', 'FCONST'].includes(tokenName) && text.length > LONGEST_NUMBER;
    const comment = tokenName.endsWith('_COMMENT');
    if (!string && !number && !comment) continue;
    shown += `${bytes.subarray(at, start)}${comment ? ' ' : '…'}`;
    at = end;
  }
  return shown + bytes.subarray(at).toString();
}

/** A count, a year, a port: it says nothing about anybody. */
const LONGEST_NUMBER = 5;
