import { tokensIn } from '@drydock/kit/sql';
import type { Note } from '../migrations/note.ts';
import type { Node, Statement } from '../migrations/statements.ts';
import type { Catalogue } from './catalogue.ts';
import { columnOf } from './columns.ts';
import type { Inside } from './inside.ts';
import { columnsTyped, type Index } from './model.ts';

/** Bytes of a name: PostgreSQL manual, 4.1.1. */
const LONGEST = 63;

/** Names that PostgreSQL will cut, in the words in which it says so. The parser has cut them by then: the text tells. */
export async function cutNames(texts: string[]): Promise<string[]> {
  const said = new Set<string>();
  // Most have no word that long.
  for (const text of texts.filter((one) => /[^\s;,()]{64}|"[^"]{32,}/.test(one)))
    for (const { text: token, tokenName } of await tokensIn(text)) {
      if (tokenName !== 'IDENT') continue;
      const name = token.startsWith('"') ? token.slice(1, -1).replaceAll('""', '"') : token.toLowerCase();
      if (Buffer.byteLength(name) <= LONGEST) continue;
      said.add(`identifier "${name}" will be truncated to "${cut(name)}"`);
    }
  return [...said];
}

function cut(name: string): string {
  let short = name;
  while (Buffer.byteLength(short) > LONGEST) short = [...short].slice(0, -1).join('');
  return short;
}

/** IF NOT EXISTS of what an earlier migration has made: the same, or another thing, which PostgreSQL skips without an error. */
export async function skippedNotes(nodes: Node[], line: number, catalogue: Catalogue): Promise<Note[]> {
  const notes: Note[] = [];
  const skipped = (what: string, differs: string) =>
    void notes.push({
      line,
      raw: {
        level: 'error',
        code: 'SKIPPED_IN_SILENCE',
        message: `is skipped, since ${what} is there already, and that is another one: ${differs}`,
        hint: 'Leave IF NOT EXISTS out, give it another name, or change what is there by ALTER.',
      },
    });
  for (const { IndexStmt, AlterTableStmt, CreateStmt } of nodes) {
    const { idxname, relation } = IndexStmt ?? {};
    if (IndexStmt?.if_not_exists && idxname) {
      const table = catalogue.find(relation);
      const owner = catalogue.indexNamed({ schema: table?.schema, name: idxname });
      const there = owner?.indexes.get(idxname);
      const differs = there && (owner === table ? unlike(there, IndexStmt) : `it is on ${owner?.label}`);
      if (differs) skipped(`the index ${idxname}`, differs);
    }
    const altered = AlterTableStmt && catalogue.find(AlterTableStmt.relation);
    for (const { AlterTableCmd: cmd } of (AlterTableStmt?.cmds ?? []) as Node[]) {
      const { ColumnDef } = (cmd?.def ?? {}) as Node;
      const has = altered?.columns.get(ColumnDef?.colname ?? '');
      if (!cmd?.missing_ok || !ColumnDef || !has?.type) continue;
      const wants = columnOf(ColumnDef);
      const [is, asked] = [has.type, wants.type].map((type) => JSON.stringify(type));
      if (is !== asked || has.required !== wants.required)
        skipped(`the column ${altered?.label}.${ColumnDef.colname}`, `it is ${told(has)}, not ${told(wants)}`);
    }
    const there = CreateStmt?.if_not_exists ? catalogue.find(CreateStmt.relation) : undefined;
    if (there?.complete) {
      const asked = ((CreateStmt?.tableElts ?? []) as Node[]).flatMap(({ ColumnDef }) => ColumnDef?.colname ?? []);
      const lacks = asked.filter((name) => !there.columns.has(name));
      if (lacks.length > 0) skipped(`the table ${there.label}`, `it has no column ${lacks.join(', ')}`);
    }
  }
  return notes;
}

function told({ type, required }: ReturnType<typeof columnOf>): string {
  const mods = type && type.mods.length > 0 ? `(${type.mods.join(', ')})` : '';
  return `${type?.name}${mods}${type?.array ? '[]' : ''}${required ? ' NOT NULL' : ''}`;
}

/** How an index that is there differs from what is asked for, by its syntax; undefined if it does not. */
function unlike(there: Index, asked: NonNullable<Node['IndexStmt']>): string | undefined {
  const shape = (stmt: Node['IndexStmt']) =>
    JSON.stringify([
      stmt?.unique === true,
      stmt?.accessMethod ?? 'btree',
      stmt?.indexParams,
      stmt?.indexIncludingParams,
      stmt?.whereClause,
    ]).replaceAll(/,?"location":\d+/g, '');
  const columns = ((asked.indexParams ?? []) as Node[]).map(({ IndexElem }) => IndexElem?.name ?? '');
  if (there.stmt ? shape(there.stmt) === shape(asked) : columns.join() === there.columns.join()) return undefined;
  return `it is ${there.unique ? 'unique, ' : ''}on ${there.columns.map((name) => name || 'an expression').join(', ')}`;
}

/** What fails in a transaction of the file's own, or in one with what comes before it. */
export function transactionNotes(statements: Statement[]): Note[] {
  const notes: Note[] = [];
  let open = false;
  for (const { line, transaction, chain, alone, concurrent, node } of statements) {
    if (transaction) open = transaction === 'begin' || chain;
    else if (open && alone && !node.TransactionStmt && !node.DoStmt)
      notes.push({
        line,
        raw: {
          level: 'error',
          code: 'CONCURRENTLY_IN_TRANSACTION',
          message: `${concurrent ? 'is CONCURRENTLY' : 'runs in no transaction'}, and stands between BEGIN and COMMIT: it fails`,
          hint: 'Leave BEGIN and COMMIT out, or give it a migration of its own.',
        },
      });
  }
  return notes;
}

/** A value that the same transaction has added to a type that was there: PostgreSQL manual, ALTER TYPE, notes. */
export function enumNotes(
  { node, line }: Statement,
  { added, inner, catalogue }: { added: { type: string; value: string }[]; inner: Inside; catalogue: Catalogue },
): Note[] {
  if (node.AlterEnumStmt || node.CommentStmt || node.CreateFunctionStmt) return [];
  const text = JSON.stringify([node, ...inner.nodes]);
  return added
    .filter(({ value, type }) => {
      if (!text.includes(`"sval":{"sval":${JSON.stringify(value)}}`)) return false;
      const typed = columnsTyped(catalogue.tables.values(), type).map(
        ({ name }) => `"relname":${JSON.stringify(name)}`,
      );
      return [`{"String":{"sval":${JSON.stringify(type)}}}`, ...typed].some((named) => text.includes(named));
    })
    .map(({ value, type }) => ({
      line,
      raw: {
        level: 'error',
        code: 'ENUM_VALUE_USED',
        message: `uses ${value} of ${type}, which the same transaction adds: PostgreSQL refuses it`,
        hint: 'Add the value in a migration of its own, before this one.',
      },
    }));
}
