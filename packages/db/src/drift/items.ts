import { cutStatements } from '@drydock/kit/sql';
import type { Constraint } from 'libpg-query';
import type { Node } from '../migrations/statements.ts';

/** One thing in which a database is not what the Prisma schema says, seen from the database. */
export interface DriftItem {
  way: 'lacks' | 'extra' | 'differs';
  /** As the inventory names it: `column public.Job.title`. */
  key: string;
  /** What of it differs: `type`, `default`. */
  aspect?: string;
  /** Of a key or an index that is lacking. */
  columns?: string[];
}

/** Statements that belong together, and what they would mend. */
export interface Remedy {
  /** With the engine's remark above it. */
  sql: string;
  items: DriftItem[];
}

/** The labels of the enums that the database has, by their key. */
export type Labels = ReadonlyMap<string, readonly string[]>;

/**
 * What the statements that would turn a database into the Prisma schema say of that database. They are turned round: what they make it lacks,
 * what they drop it has too much; the same thing dropped and made differs. Names without a schema are of `schema`.
 */
export async function readRemedies(sql: string, schema: string, labels: Labels): Promise<Remedy[]> {
  const remedies: Remedy[] = [];
  let open: (Remedy & { nodes: Node[] }) | undefined;
  for (const { sql: text, comments, node } of await cutStatements(sql, 'the difference')) {
    const kind = node.TransactionStmt?.kind;
    const written = `${comments.trim() ? `${comments.trim()}\n` : ''}${text};`;
    // An enum that loses values is made anew, in one transaction.
    if (kind === 'TRANS_STMT_BEGIN') open = { sql: written, items: [], nodes: [] };
    else if (open) {
      open.sql += `\n${written}`;
      open.nodes.push(node);
      if (kind !== 'TRANS_STMT_COMMIT') continue;
      remedies.push({ sql: open.sql, items: open.nodes.flatMap((made) => enumItems(made, schema, labels)) });
      open = undefined;
    } else {
      const items = itemsOf(node, schema);
      remedies.push({ sql: written, items: items.length > 0 ? items : [differs(text.slice(0, 60), 'statement')] });
    }
  }
  return meetingInOne(remedies);
}

/** A thing that is dropped here and made there is one that differs. */
function meetingInOne(remedies: Remedy[]): Remedy[] {
  const keysOf = (way: DriftItem['way']) =>
    new Set(remedies.flatMap(({ items }) => items.filter((item) => item.way === way).map(({ key }) => key)));
  const [lacking, extra] = [keysOf('lacks'), keysOf('extra')];
  return remedies.map(({ sql, items }) => ({
    sql,
    items: items.map((item) =>
      item.way !== 'differs' && lacking.has(item.key) && extra.has(item.key)
        ? { ...item, way: 'differs' as const, aspect: 'definition' }
        : item,
    ),
  }));
}

type Named = { schemaname?: string; relname?: string };

function itemsOf(node: Node, schema: string): DriftItem[] {
  const nameOf = ({ schemaname, relname = '' }: Named = {}) => `${schemaname ?? schema}.${relname}`;
  const { CreateStmt, CreateEnumStmt, IndexStmt, DropStmt, AlterTableStmt, RenameStmt, AlterEnumStmt } = node;
  if (CreateStmt) return [lacks(`table ${nameOf(CreateStmt.relation)}`)];
  if (CreateEnumStmt) return [lacks(`type ${dotted(CreateEnumStmt.typeName, schema)}`)];
  if (AlterEnumStmt) return [lacks(`enum value ${dotted(AlterEnumStmt.typeName, schema)}.${AlterEnumStmt.newVal}`)];
  if (node.CreateSchemaStmt) return [lacks(`schema ${node.CreateSchemaStmt.schemaname}`)];
  if (node.CreateExtensionStmt) return [lacks(`extension ${node.CreateExtensionStmt.extname}`)];
  if (node.CreateSeqStmt) return [lacks(`sequence ${nameOf(node.CreateSeqStmt.sequence)}`)];
  if (IndexStmt) {
    const columns = ((IndexStmt.indexParams ?? []) as Node[]).flatMap(({ IndexElem }) => IndexElem?.name ?? []);
    const name = nameOf({ ...IndexStmt.relation, relname: IndexStmt.idxname ?? '' });
    return [lacks(`index ${name}`, columns)];
  }
  if (DropStmt) {
    const kind = DROPPED[DropStmt.removeType ?? ''] ?? 'object';
    return ((DropStmt.objects ?? []) as Node[]).map((object) => ({
      way: 'extra',
      key: `${kind} ${droppedName(object, kind, schema)}`,
    }));
  }
  if (RenameStmt) {
    const { renameType, relation, subname, newname = '' } = RenameStmt;
    const table = nameOf(relation);
    if (renameType === 'OBJECT_TABCONSTRAINT') return [differs(`constraint ${table}.${subname}`, `name: ${newname}`)];
    if (renameType === 'OBJECT_INDEX') return [differs(`index ${table}`, `name: ${newname}`)];
    return [differs(`table ${table}`, `name: ${newname}`)];
  }
  if (!AlterTableStmt) return [];
  return ((AlterTableStmt.cmds ?? []) as Node[]).flatMap(({ AlterTableCmd: cmd }) => {
    const table = nameOf(AlterTableStmt.relation);
    const { subtype = '', name = '', def } = cmd ?? {};
    const inside = (def ?? {}) as Node;
    if (subtype === 'AT_AddColumn') return [lacks(`column ${table}.${inside.ColumnDef?.colname}`)];
    if (subtype === 'AT_DropColumn') return [{ way: 'extra' as const, key: `column ${table}.${name}` }];
    if (subtype === 'AT_AddConstraint') return [lacksConstraint(table, inside.Constraint ?? {})];
    if (subtype === 'AT_DropConstraint') return [{ way: 'extra' as const, key: `constraint ${table}.${name}` }];
    return ASPECTS[subtype] ? [differs(`column ${table}.${name}`, ASPECTS[subtype])] : [];
  });
}

const ASPECTS: Record<string, string> = {
  AT_AlterColumnType: 'type',
  AT_ColumnDefault: 'default',
  AT_SetNotNull: 'NULL is allowed',
  AT_DropNotNull: 'NULL is not allowed',
};

const DROPPED: Record<string, string> = {
  OBJECT_TABLE: 'table',
  OBJECT_INDEX: 'index',
  OBJECT_TYPE: 'type',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_VIEW: 'view',
  OBJECT_SCHEMA: 'schema',
  OBJECT_EXTENSION: 'extension',
};

function lacks(key: string, columns?: string[]): DriftItem {
  return { way: 'lacks', key, ...(columns ? { columns } : {}) };
}

function differs(key: string, aspect: string): DriftItem {
  return { way: 'differs', key, aspect };
}

function lacksConstraint(table: string, { conname = '', keys, fk_attrs }: Constraint): DriftItem {
  const columns = ((keys ?? fk_attrs ?? []) as Node[]).map(({ String: name }) => name?.sval ?? '');
  return lacks(`constraint ${table}.${conname}`, columns);
}

/** Of a DROP: a list of parts, a type's name, or one word. */
function droppedName(object: Node, kind: string, schema: string): string {
  if (object.TypeName) return dotted(object.TypeName.names, schema);
  if (object.List) return dotted(object.List.items, schema);
  const word = object.String?.sval ?? '';
  return kind === 'schema' || kind === 'extension' ? word : `${schema}.${word}`;
}

function dotted(parts: unknown, schema: string): string {
  const names = ((parts ?? []) as Node[]).map(({ String: name }) => name?.sval ?? '');
  return names.length > 1 ? names.join('.') : `${schema}.${names[0] ?? ''}`;
}

/** Of the enum that is made anew under another name: the labels that it has more, and less. */
function enumItems({ CreateEnumStmt }: Node, schema: string, labels: Labels): DriftItem[] {
  if (!CreateEnumStmt) return [];
  const type = dotted(CreateEnumStmt.typeName, schema).replace(/_new$/, '');
  const wanted = ((CreateEnumStmt.vals ?? []) as Node[]).map(({ String: label }) => label?.sval ?? '');
  const there = labels.get(type) ?? [];
  return [
    ...wanted.filter((label) => !there.includes(label)).map((label) => lacks(`enum value ${type}.${label}`)),
    ...there
      .filter((label) => !wanted.includes(label))
      .map((label): DriftItem => ({ way: 'extra', key: `enum value ${type}.${label}` })),
  ];
}
