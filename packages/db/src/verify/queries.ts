import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { closest, type Finding, type Hint, hint, OpsError } from '@drydock/kit';
import { tokensIn } from '@drydock/kit/sql';
import type { Client } from 'pg';
import { type Failed, locate } from '../migrations/failure.ts';
import { readSql } from '../migrations/folder.ts';
import { parseStatements } from '../migrations/statements.ts';

export interface PlanQuery {
  file: string;
  line: number;
  column: number;
  sql: string;
  /** Indexes that the query must use, as its comment says: `-- uses: "Job_status_idx"`. */
  uses: string[];
}

/** Queries of `*.sql`, each with a comment `-- uses: INDEX[, INDEX]` before it. Literals, no parameters. */
export async function readPlanQueries(folder: string): Promise<PlanQuery[]> {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  const queries: PlanQuery[] = [];
  for (const name of files) {
    const file = join(folder, name);
    for (const { sql, line, column, comments, node } of await parseStatements(readSql(file), file)) {
      const said = [...comments.matchAll(/--\s*uses\s*:\s*(.+)/gi)].flatMap(([, list = '']) => list.split(','));
      if (!node.SelectStmt && !node.UpdateStmt && !node.DeleteStmt)
        throw new OpsError({
          code: 'PLAN_QUERY_UNFIT',
          message: `${file}:${line} is no SELECT, UPDATE or DELETE.`,
          hint: 'A plan file holds queries of the product, each below a comment "-- uses: INDEX".',
        });
      queries.push({ file: name, line, column, sql, uses: said.map(unquoted) });
    }
  }
  return queries;
}

const unquoted = (text: string) => text.trim().replaceAll(/"([^"]*)"/g, '$1');

/** What is asked of nothing, since no index of that name is there, or none is named at all. */
export async function unaskedFindings(client: Client, queries: readonly PlanQuery[]): Promise<Finding[]> {
  if (queries.length === 0) return [];
  const { rows } = await client.query<{ schema: string; name: string }>(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('i', 'I') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1, 2`,
  );
  const names = rows.map(({ name }) => name);
  const known = new Set([...names, ...rows.map(({ schema, name }) => `${schema}.${name}`)]);
  return queries.flatMap(({ file, line, uses }): Finding[] => {
    if (uses.length === 0)
      return [
        {
          level: 'warn',
          code: 'PLAN_QUERY_UNASKED',
          message: `${file}:${line} names no index, so it is not looked at.`,
          hint: 'Name it in a comment right above the query: -- uses: INDEX',
        },
      ];
    return uses.filter((name) => !known.has(name)).map((name) => unknownIndex(`${file}:${line}`, name, names));
  });
}

function unknownIndex(at: string, name: string, names: readonly string[]): Finding {
  const meant = closest(name.slice(name.lastIndexOf('.') + 1), names);
  return {
    level: 'warn',
    code: 'PLAN_INDEX_UNKNOWN',
    message: `${at} says that it uses "${name}", and the database has no index of that name.`,
    hint: meant ? `Did you mean ${meant}?` : 'Mend the comment, or take it away with the index.',
  };
}

/** As PostgreSQL says it of a query that comes without their values, and where. */
export async function refuseParameters({ sql }: PlanQuery): Promise<void> {
  const found = (await tokensIn(sql)).find(({ tokenName }) => tokenName === 'PARAM');
  if (!found) return;
  const before = Buffer.from(sql).subarray(0, found.start).toString();
  const position = String([...before].length + 1);
  throw Object.assign(new Error(`there is no parameter ${found.text}`), { code: UNDEFINED_PARAMETER, position });
}

/** A query that PostgreSQL refuses: where in the file that is, in its words. */
export function refused(query: PlanQuery, error: Failed): Finding {
  const { file, line, column, sql } = query;
  const { message, atLine = line, atColumn = column } = locate(error, { sql, line, column }, query);
  return {
    level: 'error',
    code: 'PLAN_QUERY_FAILED',
    message: `${file}:${atLine}:${atColumn}: ${message}.`,
    hint: wayOn(error),
  };
}

function wayOn({ code, hint: said }: Failed): Hint {
  if (code === UNDEFINED_PARAMETER)
    return 'A plan query has no parameters: write a value that is usual there in the place of each $1.';
  if (code === INSUFFICIENT_PRIVILEGE)
    return 'GRANT SELECT on what it reads to the role that plans are asked for by (database.readUrl).';
  return hint`Mend the query${said ? ` (${said})` : ''}.`;
}

/** SQLSTATEs. */
const UNDEFINED_PARAMETER = '42P02';
const INSUFFICIENT_PRIVILEGE = '42501';
