import type { Note } from '../migrations/note.ts';
import type { Statement } from '../migrations/statements.ts';
import type { Catalogue } from './catalogue.ts';
import type { Inside } from './inside.ts';

/** What of a statement its text alone does not tell: said, so that silence means that it was looked at. */
export function untoldNotes({ node, line }: Statement, inner: Inside, catalogue: Catalogue): Note[] {
  const said: string[] = [];
  if (inner.opaque)
    said.push('runs what it puts together, or what is in a language that is not read here: what that does');
  if (inner.unknown.length > 0)
    said.push(`calls ${inner.unknown.join(', ')}, which no migration makes: what that does`);
  for (const range of [node.AlterTableStmt?.relation, node.IndexStmt?.relation]) {
    const table = catalogue.meant(range);
    if (table?.filled && !table.complete)
      said.push(`changes ${table.label}, which no migration here makes whole: what its columns and indexes are by now`);
  }
  const { DropStmt } = node;
  if (DropStmt?.removeType === 'OBJECT_SCHEMA') said.push('drops a schema: what is in it besides what migrations made');
  if (node.ClusterStmt && !node.ClusterStmt.relation) said.push('is for all tables: which those are');
  return said.map((what) => ({
    line,
    raw: { level: 'info', code: 'UNTOLD', message: `${what} is not told by the text` },
  }));
}
