import { calledFunctions, codeInside, cutStatements, type InnerCode } from '@drydock/kit/sql';
import type { Client } from 'pg';
import type { Node, Statement } from '../migrations/statements.ts';

/**
 * What statements run besides themselves: bodies of DO blocks, and of the functions of the database that they call by
 * name, at any depth. What triggers, views and defaults call is not seen.
 */
export class InnerReader {
  static #readers = new WeakMap<Client, InnerReader>();
  readonly #client: Client;
  /** Names that no function of the database's own has. */
  #foreign = new Set<string>();

  private constructor(client: Client) {
    this.#client = client;
  }

  /** The one of a session: what it knows of a database it need not ask again for the next migration. */
  static of(client: Client): InnerReader {
    const reader = InnerReader.#readers.get(client) ?? new InnerReader(client);
    InnerReader.#readers.set(client, reader);
    return reader;
  }

  /** In the session, and the transaction, in which the statement is about to run. */
  async read({ sql, node }: Pick<Statement, 'sql' | 'node'>): Promise<InnerCode> {
    // To define is not to run.
    if (node.CreateFunctionStmt) {
      const name = ((node.CreateFunctionStmt.funcname ?? []) as Node[]).at(-1)?.String?.sval;
      if (name !== undefined) this.#foreign.delete(name);
      return { nodes: [], opaque: false, texts: [] };
    }
    if (mayMakeFunctions(node)) this.#foreign.clear();
    const code = await codeInside(sql, node);
    const seen = new Set<string>();
    for (let nodes = [node, ...code.nodes]; nodes.length > 0; ) {
      const names = namesIn(nodes).filter((name) => !seen.has(name) && !this.#foreign.has(name));
      for (const name of names) seen.add(name);
      const found = names.length > 0 ? await this.#functions(names) : [];
      nodes = found.flatMap((inner) => inner.nodes);
      for (const inner of found) {
        code.nodes.push(...inner.nodes);
        code.texts.push(...inner.texts);
        code.opaque ||= inner.opaque;
      }
    }
    // It runs behind this.
    if (code.opaque || code.nodes.some(mayMakeFunctions)) this.#foreign.clear();
    return code;
  }

  /** What an extension brought is the extension's. */
  async #functions(names: string[]): Promise<InnerCode[]> {
    const { rows } = await this.#client.query<{ name: string; definition: string }>(
      `SELECT p.proname AS name, pg_get_functiondef(p.oid) AS definition FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.proname = ANY($1) AND p.prokind IN ('f', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
          AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`,
      [names],
    );
    const own = new Set(rows.map(({ name }) => name));
    for (const name of names) if (!own.has(name)) this.#foreign.add(name);
    return Promise.all(rows.map(({ definition }) => definitionCode(definition)));
  }
}

function mayMakeFunctions({
  CreateFunctionStmt,
  DoStmt,
  RenameStmt,
  AlterObjectSchemaStmt,
  CreateExtensionStmt,
}: Node): boolean {
  return Boolean(CreateFunctionStmt ?? DoStmt ?? RenameStmt ?? AlterObjectSchemaStmt ?? CreateExtensionStmt);
}

async function definitionCode(definition: string): Promise<InnerCode> {
  const [made] = await cutStatements(definition, 'function').catch(() => []);
  if (!made) return { nodes: [], opaque: true, texts: [definition] };
  const code = await codeInside(made.sql, made.node);
  const { sql_body } = made.node.CreateFunctionStmt ?? {};
  return sql_body ? { ...code, nodes: [...code.nodes, sql_body as Node] } : code;
}

function namesIn(nodes: Node[]): string[] {
  return [...new Set([...calledFunctions(nodes), ...nodes.flatMap(namedToBeCalled)])];
}

/** What CALL calls, and what will be called for a trigger, an operator, a cast or an aggregate: no call in the tree. */
function namedToBeCalled({
  CallStmt,
  CreateTrigStmt,
  CreateEventTrigStmt,
  DefineStmt,
  CreateCastStmt,
}: Node): string[] {
  const funcs = [
    CallStmt?.funccall?.funcname,
    CreateTrigStmt?.funcname,
    CreateEventTrigStmt?.funcname,
    CreateCastStmt?.func?.objname,
    ...((DefineStmt?.definition ?? []) as Node[]).map(
      ({ DefElem }) => (DefElem?.arg as Node | undefined)?.TypeName?.names,
    ),
  ];
  return (funcs as (Node[] | undefined)[]).flatMap((name) => name?.at(-1)?.String?.sval ?? []);
}
