import type { ColumnDef, CreateStmt, RangeVar } from 'libpg-query';
import { cmdsOf } from '../hazards/nodes.ts';
import type { Node, Statement } from '../migrations/statements.ts';
import type { Named, NamedTable } from '../seen/tables.ts';
import { alterTableModel } from './alter.ts';
import { columnOf, constraintsOf, type TypeFacts, typeFacts } from './columns.ts';
import { DEFAULT_SCHEMA, keyOf, namesIn, TableModel } from './model.ts';

/** What the migrations make, by their syntax alone: no database is asked. What they do not say is taken for there, and filled. */
export class Catalogue {
  readonly tables = new Map<string, TableModel>();
  /** Names of views, and what their queries name; `*` for all of what they read. */
  readonly views = new Map<string, Set<string>>();
  readonly functions = new Map<string, Pick<Statement, 'sql' | 'node'>>();
  readonly domains = new Map<string, { base: TypeFacts | undefined; checked: boolean }>();
  readonly enums = new Map<string, Set<string>>();
  /** What a statement said is there, though no migration made it, by its keys; whoever wants it takes it. */
  readonly learned: string[] = [];
  /** Where the statement that is being applied stands; undefined in migrations that are there already. */
  at: { migration: string; file: string; line: number } | undefined;

  find(range: Named | undefined): TableModel | undefined {
    if (!range?.relname) return undefined;
    const own = this.tables.get(keyOf(range));
    if (own || range.schemaname) return own;
    return [...this.tables.values()].find(({ name }) => name === range.relname);
  }

  /** The table that a statement means; one that no migration made is learned from it. */
  meant(range: Named | undefined): TableModel | undefined {
    if (!range?.relname || isForeign(range) || this.views.has(keyOf(range))) return undefined;
    const found = this.find(range);
    if (found) return found;
    const table = new TableModel(
      { schema: range.schemaname ?? DEFAULT_SCHEMA, name: range.relname, kind: 'r' },
      true,
      false,
    );
    this.tables.set(keyOf(range), table);
    this.learned.push(`table ${table.schema}.${table.name}`);
    return table;
  }

  /** A table with rows, as rules know it; undefined for what is new, or no table. */
  named(range: Named | undefined): NamedTable | undefined {
    const table = this.meant(range);
    return table?.filled ? table.named() : undefined;
  }

  indexNamed(parts: { schema: string | undefined; name: string }): TableModel | undefined {
    return [...this.tables.values()].find(
      (table) => table.indexes.has(parts.name) && (parts.schema === undefined || table.schema === parts.schema),
    );
  }

  /** Everything that is there by now is taken for filled from here on. */
  settle(): void {
    for (const table of this.tables.values()) table.filled = true;
  }

  volatility = (name: string): boolean | undefined => {
    const options = this.functions.get(name)?.node.CreateFunctionStmt?.options as Node[] | undefined;
    if (!options) return undefined;
    const said = options.find(({ DefElem }) => DefElem?.defname === 'volatility')?.DefElem?.arg as Node | undefined;
    return (said?.String?.sval ?? 'volatile') === 'volatile';
  };

  /** Columns that views name. */
  get viewed(): Set<string> {
    return new Set([...this.views.values()].flatMap((names) => [...names]));
  }

  apply(statement: Pick<Statement, 'sql' | 'node'>, inner: readonly Node[] = []): void {
    this.#apply(statement.node, statement.sql);
    for (const node of inner) this.#apply(node, '');
  }

  #apply(node: Node, sql: string): void {
    const { CreateStmt, CreateTableAsStmt, ViewStmt, IndexStmt, AlterTableStmt, CreateFunctionStmt, CreateSchemaStmt } =
      node;
    if (CreateStmt) this.#create(CreateStmt);
    if (CreateTableAsStmt?.into?.rel)
      this.#createAs(CreateTableAsStmt.into.rel, CreateTableAsStmt.objtype === 'OBJECT_MATVIEW');
    if (ViewStmt?.view) this.views.set(keyOf(ViewStmt.view), viewedIn(ViewStmt.query));
    if (IndexStmt?.relation && !(IndexStmt.if_not_exists && this.#hasIndex(IndexStmt.relation, IndexStmt.idxname)))
      this.meant(IndexStmt.relation)?.addIndex(IndexStmt);
    const table = AlterTableStmt?.objtype === 'OBJECT_TABLE' ? this.meant(AlterTableStmt.relation) : undefined;
    if (table) for (const cmd of cmdsOf(node)) alterTableModel(this, table, cmd);
    if (CreateFunctionStmt) {
      const name = (CreateFunctionStmt.funcname as Node[]).at(-1)?.String?.sval;
      if (name && sql) this.functions.set(name, { sql, node });
    }
    for (const element of (CreateSchemaStmt?.schemaElts ?? []) as Node[]) this.#apply(element, '');
    this.#types(node);
    this.#drop(node);
    this.#rename(node);
  }

  #create({ relation, tableElts, if_not_exists, partspec, partbound, inhRelations }: CreateStmt): void {
    if (!relation?.relname || (if_not_exists && this.find(relation))) return;
    const above = ((inhRelations ?? []) as Node[]).flatMap(({ RangeVar }) => this.meant(RangeVar) ?? []);
    const table = this.#make(relation, partspec ? 'p' : 'r');
    table.by = ((partspec?.partParams ?? []) as Node[]).map(({ PartitionElem }) => PartitionElem?.name ?? '');
    for (const parent of above) {
      for (const [name, column] of parent.columns) table.columns.set(name, { ...column });
      for (const [name, kept] of parent.constraints) table.constraints.set(name, kept);
      if (parent.kind === 'p')
        for (const [name, index] of parent.indexes) table.indexes.set(`${name} of ${parent.name}`, index);
      if (!parent.complete) table.complete = false;
      parent.below.push(table);
    }
    table.rest = partbound?.is_default === true;
    for (const { ColumnDef, Constraint, TableLikeClause } of (tableElts ?? []) as Node[]) {
      if (ColumnDef) this.addColumn(table, ColumnDef);
      if (Constraint) table.addConstraint(Constraint, undefined, this.at);
      const like = TableLikeClause && this.find(TableLikeClause.relation);
      if (TableLikeClause && !like) table.complete = false;
      for (const [name, column] of like?.columns ?? []) table.columns.set(name, { ...column });
    }
  }

  addColumn(table: TableModel, def: ColumnDef): void {
    const name = def.colname ?? '';
    table.columns.set(name, columnOf(def));
    for (const constraint of constraintsOf(def.constraints))
      if (!['CONSTR_NOTNULL', 'CONSTR_NULL', 'CONSTR_DEFAULT'].includes(constraint.contype ?? ''))
        if (constraint.contype?.match(/CHECK|UNIQUE|PRIMARY|FOREIGN/)) table.addConstraint(constraint, name, this.at);
    for (const below of table.below) below.columns.set(name, columnOf(def));
  }

  #createAs(relation: RangeVar, view: boolean): void {
    this.#make(relation, view ? 'm' : 'r').complete = false;
  }

  /** New: nobody waits for it. In a migration that is there already, whoever has it may have filled it. */
  #make(relation: RangeVar, kind: string): TableModel {
    const named = { schema: relation.schemaname ?? DEFAULT_SCHEMA, name: relation.relname ?? '', kind };
    const table = new TableModel(named, this.at === undefined);
    this.tables.set(keyOf(relation), table);
    return table;
  }

  #hasIndex(relation: RangeVar, name: string | undefined): boolean {
    return name !== undefined && this.meant(relation)?.indexes.has(name) === true;
  }

  #types({ CreateEnumStmt, AlterEnumStmt, CreateDomainStmt, AlterDomainStmt }: Node): void {
    if (CreateEnumStmt) {
      const values = ((CreateEnumStmt.vals ?? []) as Node[]).map(({ String: text }) => text?.sval ?? '');
      this.enums.set(lastOf(CreateEnumStmt.typeName), new Set(values));
    }
    const values = AlterEnumStmt && this.enums.get(lastOf(AlterEnumStmt.typeName));
    if (values && AlterEnumStmt?.oldVal) values.delete(AlterEnumStmt.oldVal);
    if (values && AlterEnumStmt?.newVal) values.add(AlterEnumStmt.newVal);
    if (CreateDomainStmt) {
      const checked = constraintsOf(CreateDomainStmt.constraints).some(({ contype }) =>
        /CHECK|NOTNULL/.test(contype ?? ''),
      );
      this.domains.set(lastOf(CreateDomainStmt.domainname), { base: typeFacts(CreateDomainStmt.typeName), checked });
    }
    const domain = AlterDomainStmt && this.domains.get(lastOf(AlterDomainStmt.typeName));
    if (domain && ['C', 'O'].includes(AlterDomainStmt?.subtype ?? '')) domain.checked = true;
  }

  #drop({ DropStmt }: Node): void {
    for (const object of (DropStmt?.objects ?? []) as Node[]) {
      const { schemaname, relname } = droppedName(object);
      switch (DropStmt?.removeType) {
        case 'OBJECT_TABLE':
        case 'OBJECT_MATVIEW': {
          const table = this.find({ schemaname, relname });
          if (table) this.#forget(table);
          break;
        }
        case 'OBJECT_VIEW':
          this.views.delete(keyOf({ schemaname, relname }));
          break;
        case 'OBJECT_INDEX':
          this.indexNamed({ schema: schemaname, name: relname })?.indexes.delete(relname);
          break;
        case 'OBJECT_SCHEMA':
          for (const table of [...this.tables.values()].filter(({ schema }) => schema === relname)) this.#forget(table);
          break;
        case 'OBJECT_FUNCTION':
        case 'OBJECT_PROCEDURE':
        case 'OBJECT_ROUTINE':
          this.functions.delete(relname);
          break;
        case 'OBJECT_TYPE':
        case 'OBJECT_DOMAIN':
          this.enums.delete(relname);
          this.domains.delete(relname);
          break;
        default:
      }
    }
  }

  #forget(table: TableModel): void {
    for (const one of [table, ...table.leaves])
      this.tables.delete(keyOf({ schemaname: one.schema, relname: one.name }));
    for (const other of this.tables.values()) other.below = other.below.filter((one) => one !== table);
  }

  #rename({ RenameStmt: rename, AlterObjectSchemaStmt: moved }: Node): void {
    const name = rename?.newname ?? '';
    if (rename?.renameType === 'OBJECT_TABLE' || rename?.renameType === 'OBJECT_MATVIEW') {
      const table = this.meant(rename.relation);
      if (table) this.#put(table, { name });
    }
    if (rename?.renameType === 'OBJECT_COLUMN' && rename.subname) {
      const table = this.meant(rename.relation);
      const column = table?.columns.get(rename.subname);
      if (table && column) {
        table.columns.delete(rename.subname);
        table.columns.set(name, column);
        for (const { columns } of [...table.indexes.values(), ...table.constraints.values()])
          for (const [i, one] of columns.entries()) if (one === rename.subname) columns[i] = name;
      }
    }
    if (rename?.renameType === 'OBJECT_INDEX') {
      const old = rename.relation?.relname ?? '';
      const table = this.indexNamed({ schema: rename.relation?.schemaname, name: old });
      const index = table?.indexes.get(old);
      if (table && index) {
        table.indexes.delete(old);
        table.indexes.set(name, { ...index, name });
      }
    }
    if (rename?.renameType === 'OBJECT_TYPE') {
      const old = lastOf((rename.object as Node | undefined)?.List?.items);
      const values = this.enums.get(old);
      if (values) {
        this.enums.delete(old);
        this.enums.set(name, values);
        for (const { columns } of this.tables.values())
          for (const column of columns.values()) if (column.type?.name === old) column.type.name = name;
      }
    }
    if (moved?.objectType === 'OBJECT_TABLE' && moved.newschema) {
      const table = this.meant(moved.relation);
      if (table) this.#put(table, { schema: moved.newschema });
    }
  }

  #put(table: TableModel, place: { schema?: string; name?: string }): void {
    this.tables.delete(keyOf({ schemaname: table.schema, relname: table.name }));
    Object.assign(table, place);
    this.tables.set(keyOf({ schemaname: table.schema, relname: table.name }), table);
  }
}

/** Of PostgreSQL itself, or of Prisma. */
function isForeign({ schemaname, relname = '' }: Named): boolean {
  return /^(pg_|information_schema$)/.test(schemaname ?? '') || /^(pg_|_prisma_migrations$)/.test(relname);
}

function lastOf(names: unknown): string {
  return ((names ?? []) as Node[]).at(-1)?.String?.sval ?? '';
}

/** What one object of a DROP is called: of a relation, a type, a function, a schema. */
export function droppedName(object: Node): { schemaname: string | undefined; relname: string } {
  const names = (object.List?.items ?? object.ObjectWithArgs?.objname ?? object.TypeName?.names ?? [object]) as Node[];
  const parts = names.map(({ String: text }) => text?.sval ?? '');
  return { schemaname: parts.at(-2), relname: parts.at(-1) ?? '' };
}

function viewedIn(query: unknown): Set<string> {
  const names = new Set(namesIn(query));
  if (/"A_Star"/.test(JSON.stringify(query ?? null))) names.add('*');
  const targets = ((query as Node | undefined)?.SelectStmt?.targetList ?? []) as Node[];
  for (const { ResTarget } of targets) if (ResTarget?.name) names.add(ResTarget.name);
  return names;
}
