import { quoteIdentifier as q } from '@drydock/kit';
import { calledFunctions, tokensIn } from '@drydock/kit/sql';
import { writeSql } from '../hazards/nodes.ts';
import type { Script } from '../migrations/run.ts';
import { type Node, parseStatements, type Statement } from '../migrations/statements.ts';
import { Enums } from './enums.ts';

/**
 * Migrations one behind the other in one text. Each had a session and a transaction of its own, in a database with rows; they now have one, in an
 * empty one: what kept others from waiting goes, and what one of them set is put back behind it.
 */
export async function joinMigrations(scripts: Script[]): Promise<string> {
  const enums = new Enums();
  const parts: Part[] = [];
  for (const script of scripts) parts.push(await partOf(script, enums));
  // Only now is it known which values a type has in the end.
  const texts = await Promise.all(parts.map(textOf));
  return texts.join('\n');
}

interface Part {
  name: string;
  before: string[];
  /** Text, or what it is written from, and the comments above it. */
  kept: { comments: string; what: string | Node }[];
  after: string[];
}

async function partOf({ name, sql, file }: Script, enums: Enums): Promise<Part> {
  const statements = await parseStatements(sql, file);
  // What it takes back itself is its own affair: as it stands.
  const plain = !statements.some(({ transaction }) => transaction === 'rollback' || transaction === 'prepare');
  const kept: Part['kept'] = [];
  for (const statement of statements) {
    const text = plain ? await alike(statement) : statement.sql;
    const taken = text !== undefined && plain ? enums.take(statement) : 'as it is';
    if (text === undefined || taken === 'gone') continue;
    kept.push({ comments: statement.comments.trimStart(), what: taken === 'as it is' ? text : taken });
  }
  return { name, kept, ...settingsOf(statements) };
}

async function textOf({ name, before, kept, after }: Part): Promise<string> {
  const statements = await Promise.all(
    kept.map(async ({ comments, what }) => {
      const text = typeof what === 'string' ? what : (await writeSql([what])).join('').replace(/;$/, '');
      // A comment behind the last word would take the semicolon with it.
      return `${comments}${text}${/--[^\n]*$/.test(text) ? '\n' : ''};`;
    }),
  );
  return [`-- ${name}`, ...before, ...statements, ...after, ''].join('\n');
}

/** Nobody waits for anything in a database that is empty. */
const WAITS = /^(lock_timeout|statement_timeout|idle_in_transaction_session_timeout|transaction_timeout)$/;

/** The same for an empty database; undefined where that is nothing. */
async function alike(statement: Statement): Promise<string | undefined> {
  const { node, sql, concurrent, modes, transaction } = statement;
  const { VariableSetStmt, VacuumStmt, ClusterStmt, ReindexStmt, DiscardStmt } = node;
  if (transaction || modes || VariableSetStmt?.kind === 'VAR_SET_MULTI') return undefined;
  if (WAITS.test(VariableSetStmt?.name ?? '')) return undefined;
  if (VacuumStmt?.is_vacuumcmd || (ClusterStmt && !ClusterStmt.relation) || ReindexStmt || DiscardStmt)
    return undefined;
  return concurrent ? withoutConcurrently(sql) : sql;
}

async function withoutConcurrently(sql: string): Promise<string> {
  const bytes = Buffer.from(sql);
  const word = (await tokensIn(sql)).find(({ text }) => /^concurrently$/i.test(text));
  if (!word) return sql;
  const rest = bytes.subarray(word.end).toString().replace(/^\s/, '');
  return `${bytes.subarray(0, word.start).toString()}${rest}`.trimEnd();
}

/** What puts the session back as it was, and what has to be kept for that. */
function settingsOf(statements: Statement[]): { before: string[]; after: string[] } {
  const names = new Set<string>();
  const temporary: string[] = [];
  for (const { node, modes } of statements) {
    const { VariableSetStmt, CreateStmt, CreateTableAsStmt } = node;
    if (VariableSetStmt?.name && !modes && VariableSetStmt.kind !== 'VAR_SET_MULTI')
      names.add(VariableSetStmt.name.toLowerCase());
    if (node.SelectStmt && calledFunctions(node).includes('set_config'))
      for (const name of configured(node)) names.add(name);
    const made = CreateStmt?.relation ?? CreateTableAsStmt?.into?.rel;
    if (made?.relpersistence === 't' && made.relname) temporary.push(made.relname);
  }
  const set = [...names].filter((name) => !WAITS.test(name));
  // Who connects may have said it in another way than RESET knows.
  const path = set.includes('search_path');
  return {
    before: path ? [`SELECT set_config('drydock.search_path', current_setting('search_path'), false);`] : [],
    after: [
      ...temporary.map((name) => `DROP TABLE IF EXISTS pg_temp.${q(name)};`),
      ...(path ? [`SELECT set_config('search_path', current_setting('drydock.search_path'), false);`] : []),
      ...set.filter((name) => name !== 'search_path').map(resets),
    ],
  };
}

function resets(name: string): string {
  if (name === 'standard_conforming_strings') return 'SET standard_conforming_strings = on;';
  if (name === 'session_authorization') return 'RESET SESSION AUTHORIZATION;';
  return `RESET ${name
    .split('.')
    .map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : q(part)))
    .join('.')};`;
}

/** What set_config is given as a constant. */
function configured(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const call = (value as Node).FuncCall;
  const own = (call?.funcname as Node[] | undefined)?.at(-1)?.String?.sval === 'set_config';
  const name = own ? ((call?.args ?? []) as Node[])[0]?.A_Const?.sval?.sval : undefined;
  return [...(name ? [name.toLowerCase()] : []), ...Object.values(value).flatMap(configured)];
}
