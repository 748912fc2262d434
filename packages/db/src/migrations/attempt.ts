import { relative } from 'node:path';
import type { Failed } from './failure.ts';
import type { Migration } from './folder.ts';
import type { HistoryRow } from './history.ts';

/** What an attempt failed with, as PostgreSQL said it. */
export type Failure = {
  /** SQLSTATE. */
  code: string | null;
  message: string;
  detail: string | null;
  hint: string | null;
  /** In a function or a block: where there. */
  where: string | null;
  /** In the migration's file, from 1. */
  line: number | null;
  column: number | null;
  statement: string | null;
};

/** An attempt that did not end well. */
export type Attempt = { name: string; file: string; at: string; failure: Failure };

const LONGEST_STATEMENT = 2_000;

/** For the column `logs` of Prisma's table, in the words and the order that Prisma's engine has; behind them what it does not tell. */
export function writeAttempt(name: string, error: Failed): string {
  const { code, message, detail, hint, where, atLine, atColumn, statement } = error;
  const lines = [
    'A migration failed to apply.',
    '',
    `Migration name: ${name}`,
    '',
    `Database error code: ${code ?? 'none'}`,
    '',
    'Database error:',
    `ERROR: ${message}`,
    ...(detail ? [`DETAIL: ${detail}`] : []),
    ...(hint ? [`HINT: ${hint}`] : []),
    ...(where ? [`CONTEXT: ${where}`] : []),
    '',
    ...(atLine ? [`Place: ${atLine}:${atColumn ?? 1}`] : []),
    ...(statement ? ['Statement:', statement.slice(0, LONGEST_STATEMENT)] : []),
  ];
  // PostgreSQL keeps no NUL in a text.
  return lines.join('\n').replaceAll('\0', '');
}

/** Ours, and those of Prisma's CLI; of anything else the first line. `sql` is the file, where it is the one that failed. */
export function readAttempt(logs: string, sql?: string): Failure {
  const field = (name: string) =>
    new RegExp(
      `^${name}: ?([\\s\\S]*?)(?=\\n(?:DETAIL|HINT|CONTEXT|Place|Statement|Position):|\\n\\n|$(?![\\s\\S]))`,
      'm',
    )
      .exec(logs)?.[1]
      ?.trim() || null;
  // The engine without a driver of its own says all of it in one line.
  const [, line, sqlState] = /\bERROR: (.+?) \(SQLSTATE ([0-9A-Z]{5})\)/.exec(logs) ?? [];
  const said = field('ERROR') ?? line;
  const place = /^Place: (\d+):(\d+)$/m.exec(logs);
  const position = Number(/position: Some\(Original\((\d+)\)\)/.exec(logs)?.[1] ?? 0);
  const before = position && sql !== undefined ? [...sql].slice(0, position - 1) : undefined;
  return {
    code: /^Database error code: (\S+)/m.exec(logs)?.[1] ?? sqlState ?? null,
    message: said ?? logs.trim().split('\n')[0] ?? '',
    detail: field('DETAIL') ?? debugged(logs, 'detail'),
    hint: field('HINT') ?? debugged(logs, 'hint'),
    where: field('CONTEXT') ?? debugged(logs, 'where_'),
    line: place ? Number(place[1]) : before ? before.filter((one) => one === '\n').length + 1 : null,
    column: place ? Number(place[2]) : before ? before.length - before.lastIndexOf('\n') : null,
    statement: /^Statement:\n([\s\S]+)$/m.exec(logs)?.[1]?.trim() ?? null,
  };
}

/** Prisma's engine writes its own record of an error behind it, in Rust's words. */
function debugged(logs: string, name: string): string | null {
  const text = new RegExp(`\\b${name}: Some\\("((?:[^"\\\\]|\\\\.)*)"\\)`).exec(logs)?.[1];
  return text === undefined ? null : text.replaceAll(/\\(.)/g, (_, one) => (one === 'n' ? '\n' : one));
}

/** Of each migration that is not applied the last attempt, where that failed. */
export function lastAttempts(history: HistoryRow[], open: Migration[]): Attempt[] {
  return open.flatMap(({ name, file, checksum, sql }) => {
    const last = history.filter((row) => row.name === name && row.finishedAt === null).at(-1);
    if (!last?.logs) return [];
    return [
      {
        name,
        file,
        at: last.startedAt.toISOString(),
        failure: readAttempt(last.logs, last.checksum === checksum ? sql : undefined),
      },
    ];
  });
}

/** Without a full stop: where, what, which; the statement is told beside it. Paths are told relative to `root`, if it is given. */
export function toldAttempt({ file, failure }: Pick<Attempt, 'file' | 'failure'>, root?: string): string {
  const { line, column, message, detail, hint, where, code } = failure;
  const place = [root ? relative(root, file) : file, line, column].filter((part) => part !== null).join(':');
  const more = [detail, hint && `PostgreSQL's hint: ${hint}`, where && `in ${where.split('\n')[0]}`].filter(Boolean);
  const said = more.map((text) => String(text).replaceAll(/\s+/g, ' ').replace(/\.$/, ''));
  return `${place}: ${message}${said.length > 0 ? ` (${said.join('; ')})` : ''}${code ? ` [${code}]` : ''}`;
}
