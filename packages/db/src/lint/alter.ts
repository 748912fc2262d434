import type { ColumnDef } from 'libpg-query';
import type { Cmd } from '../hazards/nodes.ts';
import type { Node } from '../migrations/statements.ts';
import type { Named } from '../seen/tables.ts';
import { typeFacts } from './columns.ts';
import type { Kept, TableModel } from './model.ts';

/** Of the tables around it. */
interface Around {
  addColumn(table: TableModel, def: ColumnDef): void;
  meant(range: Named | undefined): TableModel | undefined;
  find(range: Named | undefined): TableModel | undefined;
  at: Kept['at'];
}

/** What one part of an ALTER TABLE makes of a table. */
export function alterTableModel(catalogue: Around, table: TableModel, cmd: Cmd): void {
  const def = (cmd.def ?? {}) as Node;
  const name = cmd.name ?? '';
  const column = table.columns.get(name);
  switch (cmd.subtype) {
    case 'AT_AddColumn':
      if (def.ColumnDef && !(cmd.missing_ok && table.columns.has(def.ColumnDef.colname ?? '')))
        catalogue.addColumn(table, def.ColumnDef);
      break;
    case 'AT_DropColumn':
      for (const one of [table, ...table.leaves]) dropColumn(one, name);
      break;
    case 'AT_AlterColumnType':
      for (const one of [table, ...table.leaves]) {
        const old = one.columns.get(name);
        if (old) old.type = typeFacts(def.ColumnDef?.typeName);
      }
      break;
    case 'AT_SetNotNull':
      for (const one of [table, ...table.leaves]) one.require(name);
      break;
    case 'AT_DropNotNull':
      if (column) column.required = false;
      break;
    case 'AT_ColumnDefault':
      if (column) column.filled = cmd.def as Node | undefined;
      break;
    case 'AT_AddConstraint':
      if (def.Constraint) table.addConstraint(def.Constraint, undefined, catalogue.at);
      break;
    case 'AT_ValidateConstraint': {
      const kept = table.constraints.get(name);
      if (kept) kept.valid = true;
      break;
    }
    case 'AT_DropConstraint':
      table.constraints.delete(name);
      table.indexes.delete(name);
      break;
    case 'AT_AttachPartition': {
      const part = catalogue.meant(def.PartitionCmd?.name);
      if (part && !table.below.includes(part)) table.below.push(part);
      if (part) part.rest = def.PartitionCmd?.bound?.is_default === true;
      break;
    }
    case 'AT_DetachPartition': {
      const part = catalogue.find(def.PartitionCmd?.name);
      table.below = table.below.filter((one) => one !== part);
      break;
    }
    default:
  }
}

function dropColumn(table: TableModel, name: string): void {
  table.columns.delete(name);
  for (const [key, { columns }] of table.indexes) if (columns.includes(name)) table.indexes.delete(key);
  for (const [key, { columns }] of table.constraints) if (columns.includes(name)) table.constraints.delete(key);
}
