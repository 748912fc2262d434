import { command, hint } from '@drydock/kit';
import type { Inventory } from '@drydock/kit/inventory';
import type { Raw } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import type { Running } from '../schema/running.ts';
import { type Destroyed, destroyedBy } from '../seen/destroys.ts';
import type { Moved } from '../seen/moved.ts';
import { type Catalogue, droppedName } from './catalogue.ts';
import { columnsTyped, DEFAULT_SCHEMA, type TableModel } from './model.ts';

const KIND: Record<string, string> = { m: 'materialized view' };

/** What can be named in a query, by the keys of the inventory; of what was there before the migrations that are looked at. */
export function namesOf({ tables, views, enums }: Catalogue, { all }: { all: boolean }): Inventory {
  const keys: string[] = [];
  for (const { schema, name, kind, columns, filled } of tables.values()) {
    if (!all && !filled) continue;
    keys.push(`${KIND[kind] ?? 'table'} ${schema}.${name}`);
    for (const column of columns.keys()) keys.push(`column ${schema}.${name}.${column}`);
  }
  for (const key of views.keys()) keys.push(`view ${(JSON.parse(key) as string[]).join('.')}`);
  for (const [type, values] of enums)
    for (const value of values) keys.push(`enum value ${DEFAULT_SCHEMA}.${type}.${value}`);
  return new Map(keys.map((key) => [key, { definition: '', valid: true }]));
}

/** With the columns of the views that stand for what was there. */
export function livesOn(before: Inventory, { views }: Catalogue, after: Inventory): Inventory {
  const lives = new Map(after);
  for (const [key, names] of views) {
    const view = `column ${(JSON.parse(key) as string[]).join('.')}.`;
    for (const column of [...before.keys()].filter((one) => one.startsWith(view)))
      if (names.has('*') || names.has(column.slice(view.length))) lives.set(column, { definition: '', valid: true });
  }
  return lives;
}

/** A statement that drops or renames a column says that it is there. */
export function learnColumns(nodes: Node[], catalogue: Catalogue): void {
  const learn = (table: TableModel | undefined, name: string | undefined) => {
    if (!table || table.complete || !name || table.columns.has(name)) return;
    table.columns.set(name, { type: undefined, required: false, filled: undefined });
    if (table.filled) catalogue.learned.push(`column ${table.schema}.${table.name}.${name}`);
  };
  for (const { AlterTableStmt, RenameStmt } of nodes) {
    for (const { AlterTableCmd: cmd } of (AlterTableStmt?.cmds ?? []) as Node[])
      if (cmd?.subtype === 'AT_DropColumn') learn(catalogue.meant(AlterTableStmt?.relation), cmd.name);
    if (RenameStmt?.renameType === 'OBJECT_COLUMN') learn(catalogue.meant(RenameStmt.relation), RenameStmt.subname);
  }
}

/** Rows and values that are thrown away, if there are any: whether a table has rows, no text says. */
export function destroyedRaws(nodes: Node[], catalogue: Catalogue, moved: Moved): Raw[] {
  const raws = new Map<string, Raw>();
  const tell = (what: string, place?: string) =>
    void raws.set(what, {
      level: place ? 'info' : 'warn',
      code: 'DESTROYS_ROWS',
      message: `destroys ${what}${place ? `; ${place} has put its values elsewhere` : ', if there is anything in it (not known here)'}`,
      hint: hint`${command('db:dry-run')} tells whether there is; then back up first (${command('db:backup')}) and accept it: --accept DESTROYS_ROWS`,
    });
  const whole = (table: TableModel | undefined, column?: string) => {
    if (!table?.filled) return;
    tell([table.label, ...(column ? [column] : [])].join('.'), column ? moved.of(table.label, column) : undefined);
  };
  for (const node of nodes) {
    const range = ({ schema, table }: Destroyed) => ({
      relname: table,
      ...(schema === undefined ? {} : { schemaname: schema }),
    });
    for (const one of destroyedBy(node).filter(({ rows }) => rows !== 'some'))
      whole(catalogue.meant(range(one)), one.column);
    const { DropStmt } = node;
    for (const object of (DropStmt?.objects ?? []) as Node[]) {
      const { relname } = droppedName(object);
      const tables = [...catalogue.tables.values()];
      if (DropStmt?.removeType === 'OBJECT_SCHEMA')
        for (const table of tables.filter(({ schema }) => schema === relname)) whole(table);
      if (DropStmt?.behavior === 'DROP_CASCADE' && /^OBJECT_(TYPE|DOMAIN)$/.test(DropStmt.removeType ?? ''))
        for (const table of columnsTyped(tables, relname))
          for (const [column, { type }] of table.columns) if (type?.name === relname) whole(table, column);
    }
  }
  return [...raws.values()];
}

/** Keys that a statement drops, and whether they are unique no more is known when all of the file is. */
export interface DroppedKey {
  table: TableModel;
  columns: string[];
}

/** Before the statement. */
export function droppedKeys(nodes: Node[], catalogue: Catalogue): DroppedKey[] {
  return nodes.flatMap(({ AlterTableStmt, DropStmt }) => {
    const dropped: { table: TableModel | undefined; name: string }[] = [];
    for (const { AlterTableCmd: cmd } of (AlterTableStmt?.cmds ?? []) as Node[])
      if (cmd?.subtype === 'AT_DropConstraint')
        dropped.push({ table: catalogue.find(AlterTableStmt?.relation), name: cmd.name ?? '' });
    if (DropStmt?.removeType === 'OBJECT_INDEX')
      for (const object of (DropStmt.objects ?? []) as Node[]) {
        const { schemaname, relname } = droppedName(object);
        dropped.push({ table: catalogue.indexNamed({ schema: schemaname, name: relname }), name: relname });
      }
    return dropped.flatMap(({ table, name }) => {
      const index = table?.indexes.get(name);
      const is = table?.filled && index?.unique && !index.partial && !index.columns.includes('');
      return is ? [{ table, columns: index.columns }] : [];
    });
  });
}

/** Columns that were unique and are no more, though they are there: upserts name them. */
export function lostKeyRaws({ table, columns }: DroppedKey, catalogue: Catalogue, running: Running | undefined): Raw[] {
  const there = catalogue.find({ schemaname: table.schema, relname: table.name });
  const wanted = columns.toSorted().join(', ');
  const left = [...(there?.indexes.values() ?? [])].some(
    (one) => one.unique && !one.partial && one.columns.toSorted().join(', ') === wanted,
  );
  const gone = !there || (there.complete && columns.some((column) => !there.columns.has(column)));
  if (left || gone || !(running?.uses(`unique ${table.schema}.${table.name}(${wanted})`) ?? true)) return [];
  return [
    {
      level: 'error',
      code: 'DROPS_USED',
      message: `drops what makes ${columns.join(', ')} of ${table.label} unique, which the running version${running ? ` (${running.commit.slice(0, 10)})` : ', as far as known,'} still uses: its upserts (ON CONFLICT) fail without`,
      hint: 'Release a version that does not upsert by it first.',
    },
  ];
}
