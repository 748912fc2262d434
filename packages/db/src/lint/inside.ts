import { calledFunctions, codeInside, type InnerCode } from '@drydock/kit/sql';
import type { Node, Statement } from '../migrations/statements.ts';
import type { Catalogue } from './catalogue.ts';

export interface Inside extends InnerCode {
  /** Functions and procedures that it calls, and that no migration makes. */
  unknown: string[];
}

/** What a statement runs besides itself: DO blocks, and bodies of functions that the migrations make, at any depth. */
export async function readInside(
  { sql, node }: Pick<Statement, 'sql' | 'node'>,
  catalogue: Catalogue,
): Promise<Inside> {
  if (node.CreateFunctionStmt) return { nodes: [], opaque: false, texts: [], unknown: [] };
  const code = await codeInside(sql, node);
  const unknown: string[] = [];
  const seen = new Set<string>();
  for (let nodes: Node[] = [node, ...code.nodes]; nodes.length > 0; ) {
    const names = namesIn(nodes).filter((name) => !seen.has(name));
    const found: Node[] = [];
    for (const name of names) {
      seen.add(name);
      const made = catalogue.functions.get(name);
      if (!made) {
        if (nodes.some(({ CallStmt }) => lastOf(CallStmt?.funccall?.funcname) === name)) unknown.push(name);
        continue;
      }
      const body = await codeInside(made.sql, made.node);
      const { sql_body } = made.node.CreateFunctionStmt ?? {};
      found.push(...body.nodes, ...(sql_body ? [sql_body as Node] : []));
      code.opaque ||= body.opaque;
      code.texts.push(...body.texts);
    }
    code.nodes.push(...found);
    nodes = found;
  }
  return { ...code, unknown };
}

/** By a SELECT or a CALL; a trigger, a default or a view that names one runs it another time. */
function namesIn(nodes: Node[]): string[] {
  const run = nodes.filter(
    (node) => !node.CreateTrigStmt && !node.CreateStmt && !node.AlterTableStmt && !node.ViewStmt,
  );
  return [
    ...new Set([...calledFunctions(run), ...run.flatMap(({ CallStmt }) => lastOf(CallStmt?.funccall?.funcname) ?? [])]),
  ];
}

function lastOf(names: unknown): string | undefined {
  return ((names ?? []) as Node[]).at(-1)?.String?.sval;
}
