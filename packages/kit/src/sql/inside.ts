import { cutStatements } from './cut.ts';
import type { SqlNode } from './node.ts';

/** What a statement holds to be run: the body of a DO block or of a function. */
export interface InnerCode {
  /** Statements of the body and of constant texts that it EXECUTEs, and its expressions as a SELECT. */
  nodes: SqlNode[];
  /** Something is put together while it runs, or is in a language that is not read here: what it does cannot be told. */
  opaque: boolean;
  /** The bodies as they stand. */
  texts: string[];
}

/** The code inside a DO block or a CREATE FUNCTION / PROCEDURE; `sql` is the statement's own text. Nothing for others. */
export async function codeInside(sql: string, node: SqlNode): Promise<InnerCode> {
  const options = (node.DoStmt?.args ?? node.CreateFunctionStmt?.options) as SqlNode[] | undefined;
  if (!options) return { nodes: [], opaque: false, texts: [] };
  const option = (name: string) =>
    options.find(({ DefElem }) => DefElem?.defname === name)?.DefElem?.arg as SqlNode | undefined;
  const language = option('language')?.String?.sval?.toLowerCase() ?? (node.DoStmt ? 'plpgsql' : 'sql');
  const as = option('as');
  const texts = ((as?.List?.items ?? (as ? [as] : [])) as SqlNode[]).map(({ String: text }) => text?.sval ?? '');
  if (language !== 'sql' && language !== 'plpgsql') return { nodes: [], opaque: true, texts };
  // A body of BEGIN ATOMIC is part of the tree already.
  const code = language === 'sql' ? merged(await Promise.all(texts.map(statements))) : await plpgsql(sql);
  return { ...code, texts: [...texts, ...code.texts] };
}

/** Whether a DO block commits while it runs, or rolls back: then it may not run inside of a transaction. */
export async function commits({ sql, node }: { sql: string; node: SqlNode }): Promise<boolean> {
  if (!node.DoStmt || !/\b(commit|rollback)\b/i.test(sql)) return false;
  const { parsePlPgSQL } = await import('libpg-query');
  // What it cannot read, the server says.
  const tree = await parsePlPgSQL(sql).catch(() => undefined);
  return /"PLpgSQL_stmt_(commit|rollback)"/.test(JSON.stringify(tree ?? null));
}

const OPAQUE: InnerCode = { nodes: [], opaque: true, texts: [] };

interface PlExpression {
  query: string;
  /** 0: a statement; 2: an expression; from 3 on: an assignment (PostgreSQL's RawParseMode). */
  parseMode?: number;
}

async function plpgsql(sql: string): Promise<InnerCode> {
  const { parsePlPgSQL } = await import('libpg-query');
  const found: Promise<InnerCode>[] = [];
  const walk = (value: unknown, executed: boolean): void => {
    if (Array.isArray(value)) for (const part of value) walk(part, executed);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    for (const [key, part] of Object.entries(value)) {
      if (key === 'PLpgSQL_expr') found.push(executed ? executedText(part.query) : expression(part));
      else if (key === 'PLpgSQL_stmt_dynexecute' || key === 'PLpgSQL_stmt_dynfors') {
        const { query, ...rest } = part;
        walk(query, true);
        walk(rest, false);
      } else if (key === 'PLpgSQL_stmt_if' && isFalse(part)) {
        // Never taken: switched off, by whoever wrote it.
        const { then_body: _, ...rest } = part;
        walk(rest, false);
      } else walk(part, key === 'dynquery');
    }
  };
  try {
    // A row's type is the server's to know; which fields it has makes no difference here.
    walk(await parsePlPgSQL(sql.replaceAll(/[\w."$]+\s*%\s*ROWTYPE/gi, 'record')), false);
  } catch {
    // It may name types that only the server knows.
    return OPAQUE;
  }
  return merged(await Promise.all(found));
}

/** `IF false THEN`, by its word. */
function isFalse({ cond }: { cond?: { PLpgSQL_expr?: PlExpression } }): boolean {
  return /^\s*false\s*$/i.test(cond?.PLpgSQL_expr?.query ?? '');
}

/** What EXECUTE takes: a constant is a statement, anything else is known when it runs. */
async function executedText(query: string): Promise<InnerCode> {
  const [select] = await cutStatements(`SELECT ${query}`, 'EXECUTE').catch(() => []);
  const targets = (select?.node.SelectStmt?.targetList ?? []) as SqlNode[];
  const constant =
    targets.length === 1 ? (targets[0]?.ResTarget?.val as SqlNode | undefined)?.A_Const?.sval?.sval : undefined;
  if (constant !== undefined) return statements(constant);
  return { nodes: select ? [select.node] : [], opaque: true, texts: [query] };
}

async function expression({ query, parseMode = 0 }: PlExpression): Promise<InnerCode> {
  if (parseMode === 0) return statements(query);
  return statements(`SELECT ${parseMode >= 3 ? query.replace(/^.*?:?=/s, '') : query}`);
}

async function statements(text: string): Promise<InnerCode> {
  try {
    const cut = await cutStatements(text, 'body');
    const inner = await Promise.all(cut.map(({ sql, node }) => codeInside(sql, node)));
    return merged([{ nodes: cut.map(({ node }) => node), opaque: false, texts: [text] }, ...inner]);
  } catch {
    return { ...OPAQUE, texts: [text] };
  }
}

function merged(all: InnerCode[]): InnerCode {
  return {
    nodes: all.flatMap(({ nodes }) => nodes),
    opaque: all.some(({ opaque }) => opaque),
    texts: all.flatMap(({ texts }) => texts),
  };
}
