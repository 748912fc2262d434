import { compileForShortRuns } from '@drydock/kit/sql';
import type { ScanResult } from 'libpg-query';

/** One statement about a database, for whatever the database is called. */
export interface Statement {
  kind: 'setting' | 'other';
  /** With the name of the database, quoted. */
  sql(database: string): string;
  /** For people, without a value: what is set on a database may be a secret. */
  what: string;
}

/** What a database itself is and was given, as pg_dump says it: see `pg_dump --create`. */
export interface Properties {
  /** Options of CREATE DATABASE, by their names; undefined where the archive does not say. */
  create: Map<string, string | number> | undefined;
  /** Owner, comment, rights, settings, settings of roles in it, connection limit, … in the order of pg_dump. */
  statements: Statement[];
}

/** Settings that stop a session of ours from working, and change nothing about how values are read. */
const HINDERS = /^(default_transaction_\w+|\w*_timeout|role|session_\w+|local_preload_libraries)$/;

type Token = ScanResult['tokens'][number];

/**
 * Reads the script that `pg_restore --create` writes of a database's own entries. PostgreSQL's own scanner finds the
 * statements and the name in them; nothing else of them is touched.
 */
export async function readProperties(script: string): Promise<Properties> {
  compileForShortRuns();
  const { loadModule, parseSync, scanSync } = await import('libpg-query');
  await loadModule();
  const unrestricted = withoutRestrict(script);
  const bytes = Buffer.from(unrestricted);
  const properties: Properties = { create: undefined, statements: [] };
  let strings = '';
  for (const tokens of grouped(statementsOf(bytes, scanSync(unrestricted).tokens))) {
    const text = textOf(bytes, tokens);
    if (/^SET standard_conforming_strings\b/.test(text)) strings = `${text.replace('SET', 'SET LOCAL')};\n`;
    if (isWord(tokens[0], 'CREATE')) properties.create = optionsOf(parseSync(text));
    else if (tokens.some((token) => isWord(token, 'DATABASE')))
      properties.statements.push(aStatement(bytes, tokens, strings));
  }
  return properties;
}

/** Newer pg_restores frame what is for psql with a random key, which is no SQL at all. */
function withoutRestrict(script: string): string {
  const key = /^\\restrict (\w+)$/m.exec(script)?.[1];
  return key ? script.replaceAll(new RegExp(`^\\\\(un)?restrict ${key}$`, 'gm'), '') : script;
}

/** Psql's own commands, each a line of its own, are between them: `\connect`. */
function* statementsOf(bytes: Buffer, tokens: Token[]): Iterable<Token[]> {
  let [statement, lineEnd]: [Token[], number] = [[], 0];
  for (const token of tokens) {
    if (token.start < lineEnd || /^(SQL|C)_COMMENT$/.test(token.tokenName)) continue;
    if (token.text === ';') {
      if (statement.length > 0) yield statement;
      statement = [];
    } else if (statement.length === 0 && token.text === '\\') {
      const end = bytes.indexOf('\n', token.start);
      lineEnd = end < 0 ? bytes.length : end;
    } else statement.push(token);
  }
  if (statement.length > 0) yield statement;
}

/** What another role granted is one: SET SESSION AUTHORIZATION, GRANT, RESET SESSION AUTHORIZATION. */
function* grouped(statements: Iterable<Token[]>): Iterable<Token[]> {
  let group: Token[] | undefined;
  for (const statement of statements) {
    const about = statement.slice(0, 3).map(({ text }) => text.toUpperCase());
    const session = about[1] === 'SESSION' && about[2] === 'AUTHORIZATION';
    if (session && about[0] === 'SET') group = [...statement];
    else if (group) group.push(...statement);
    else yield statement;
    if (group && session && about[0] === 'RESET') {
      yield group;
      group = undefined;
    }
  }
}

function aStatement(bytes: Buffer, tokens: Token[], strings: string): Statement {
  // A role may be called `database` as well, without quotes.
  const names = tokens.filter(
    (_, at) => isWord(tokens[at - 1], 'DATABASE') && ['ALTER', 'ON', 'IN'].some((word) => isWord(tokens[at - 2], word)),
  );
  const parts: string[] = [];
  let from = tokens[0]?.start ?? 0;
  for (const name of names) {
    parts.push(bytes.toString('utf8', from, name.start));
    from = name.end;
  }
  parts.push(bytes.toString('utf8', from, tokens.at(-1)?.end));
  const set = tokens.findIndex((token) => isWord(token, 'SET'));
  const isSetting = set > 0 && isWord(tokens[0], 'ALTER') && isWord(tokens[1], 'DATABASE');
  return {
    kind: isSetting && !HINDERS.test(tokens[set + 1]?.text.replaceAll('"', '') ?? '') ? 'setting' : 'other',
    sql: (database) => `${strings}${parts.join(database)}`,
    what: shown(bytes, tokens),
  };
}

/** Up to the value: `ALTER DATABASE d SET app.key`. */
function shown(bytes: Buffer, tokens: Token[]): string {
  const hidden = isWord(tokens[0], 'ALTER') || isWord(tokens[0], 'COMMENT') || isWord(tokens[0], 'SECURITY');
  const value = tokens.findIndex(
    (token, at) =>
      at > 3 &&
      (token.text === '=' || (isWord(token, 'TO') && !isWord(tokens[at - 1], 'OWNER')) || isWord(token, 'IS')),
  );
  return textOf(bytes, hidden && value > 0 ? tokens.slice(0, value) : tokens).replaceAll(/\s+/g, ' ');
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.tokenName !== 'IDENT' && token?.text.toUpperCase() === word;
}

function textOf(bytes: Buffer, tokens: Token[]): string {
  return bytes.toString('utf8', tokens[0]?.start ?? 0, tokens.at(-1)?.end ?? 0);
}

type Option = { DefElem: { defname: string; arg?: { String?: { sval?: string }; Integer?: { ival?: number } } } };

function optionsOf(parsed: unknown): Properties['create'] {
  const { stmts } = parsed as { stmts: { stmt: { CreatedbStmt?: { options?: Option[] } } }[] };
  const options = stmts[0]?.stmt.CreatedbStmt?.options ?? [];
  return new Map(
    options.map(({ DefElem: { defname, arg } }) => [
      defname,
      arg?.String ? (arg.String.sval ?? '') : (arg?.Integer?.ival ?? 0),
    ]),
  );
}
