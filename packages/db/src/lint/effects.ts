import type { Constraint, RangeVar } from 'libpg-query';
import { type Cmd, cmdsOf, inlineOf } from '../hazards/nodes.ts';
import type { Node } from '../migrations/statements.ts';
import { partitionOf } from '../seen/facts.ts';
import { STRENGTH } from '../seen/sight.ts';
import { type Catalogue, droppedName } from './catalogue.ts';
import { constraintsOf, differsByRow, isCounter, keepsRows, typeFacts } from './columns.ts';
import { columnsTyped, keyOf, namesIn, type TableModel } from './model.ts';
import { readRanges } from './reads.ts';

/** What a statement does to the tables with rows, as PostgreSQL's manual has it. */
export class Effects {
  /** The strongest lock that it takes of each, by its label. */
  readonly locks = new Map<string, string>();
  readonly read = new Set<string>();
  readonly rewritten = new Set<string>();
  readonly reindexed = new Set<string>();
  readonly touched = new Set<string>();
  readonly gone = new Set<string>();
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /** To be called before the catalogue has it. */
  see(node: Node): void {
    const { IndexStmt, ReindexStmt, CreateStmt, CreateTrigStmt, RefreshMatViewStmt, VacuumStmt, ClusterStmt } = node;
    this.#changes(node);
    this.#drops(node);
    this.#renames(node);
    const altered = node.AlterTableStmt?.objtype === 'OBJECT_TABLE' ? this.#filled(node.AlterTableStmt.relation) : [];
    for (const table of altered) for (const cmd of cmdsOf(node)) this.#alter(table, cmd);
    if (IndexStmt && !IndexStmt.concurrent) this.#index(node);
    if (CreateStmt) this.#create(node);
    this.#partition(node);
    for (const range of [CreateTrigStmt?.relation]) this.#lock(range, 'ShareRowExclusiveLock');
    for (const range of [node.RuleStmt?.relation, node.CreatePolicyStmt?.table, node.AlterPolicyStmt?.table])
      this.#lock(range, 'AccessExclusiveLock');
    for (const { RangeVar } of (node.LockStmt?.relations ?? []) as Node[])
      this.#lock(RangeVar, STRENGTH[(node.LockStmt?.mode ?? 8) - 1] ?? 'AccessExclusiveLock');
    if (RefreshMatViewStmt) {
      this.#lock(RefreshMatViewStmt.relation, RefreshMatViewStmt.concurrent ? 'ExclusiveLock' : 'AccessExclusiveLock');
      if (!RefreshMatViewStmt.concurrent) this.#rewrite(RefreshMatViewStmt.relation);
    }
    const full = ((VacuumStmt?.options ?? []) as Node[]).some(({ DefElem }) => DefElem?.defname === 'full');
    const emptied = ((node.TruncateStmt?.relations ?? []) as Node[]).map(({ RangeVar }) => RangeVar);
    const whole = full
      ? ((VacuumStmt?.rels ?? []) as Node[]).map(({ VacuumRelation }) => VacuumRelation?.relation)
      : [];
    for (const range of [...emptied, ...whole, ClusterStmt?.relation]) {
      this.#lock(range, 'AccessExclusiveLock');
      this.#rewrite(range);
    }
    const concurrently = ((ReindexStmt?.params ?? []) as Node[]).some(
      ({ DefElem }) => DefElem?.defname === 'concurrently',
    );
    if (ReindexStmt?.relation && !concurrently) this.#reindex(ReindexStmt.relation, ReindexStmt.kind);
    if (node.AlterDomainStmt) this.#domain(node);
    for (const range of readRanges(node)) for (const table of this.#filled(range)) this.#readAll(table);
  }

  #filled(range: RangeVar | undefined): TableModel[] {
    const table = this.#catalogue.meant(range);
    return table?.filled ? [table] : [];
  }

  #lock(range: RangeVar | undefined, mode: string): void {
    for (const table of this.#filled(range)) this.lockTable(table, mode);
  }

  lockTable(table: TableModel, mode: string): void {
    for (const { label } of [table, ...table.leaves])
      if (STRENGTH.indexOf(mode) > STRENGTH.indexOf(this.locks.get(label) ?? '')) this.locks.set(label, mode);
  }

  #readAll(table: TableModel): void {
    for (const { label } of table.holders) this.read.add(label);
  }

  #rewrite(range: RangeVar | undefined): void {
    for (const table of this.#filled(range)) for (const { label } of table.holders) this.rewritten.add(label);
  }

  #alter(table: TableModel, cmd: Cmd): void {
    const def = (cmd.def ?? {}) as Node;
    const name = cmd.name ?? '';
    this.lockTable(table, lockOf(cmd));
    switch (cmd.subtype) {
      case 'AT_AddColumn':
        this.#addColumn(table, cmd);
        return;
      case 'AT_SetNotNull':
        if (!table.columns.get(name)?.required && !table.provesFilled(name)) this.#readAll(table);
        return;
      case 'AT_AddConstraint':
        this.#constraint(table, def.Constraint, false);
        return;
      case 'AT_ValidateConstraint':
        this.#readAll(table);
        return;
      case 'AT_AlterColumnType':
        if (!this.#keeps(table, name, def)) for (const { label } of table.holders) this.rewritten.add(label);
        return;
      case 'AT_SetLogged':
      case 'AT_SetUnLogged':
      case 'AT_SetTableSpace':
      case 'AT_SetAccessMethod':
      case 'AT_SetExpression':
        for (const { label } of table.holders) this.rewritten.add(label);
        return;
      default:
    }
  }

  #keeps(table: TableModel, name: string, { ColumnDef }: Node): boolean {
    const [old, next] = [table.columns.get(name)?.type, typeFacts(ColumnDef?.typeName)];
    const using = ColumnDef?.raw_default as Node | undefined;
    const plain = using?.TypeCast?.arg ?? using;
    if (using && (plain as Node | undefined)?.ColumnRef === undefined) return false;
    if (!old || !next) return next?.name === 'text' && !next.array;
    const base = this.#catalogue.domains.get(old.name)?.base;
    return keepsRows(old, next) || (base !== undefined && keepsRows(base, next));
  }

  #addColumn(table: TableModel, cmd: Cmd): void {
    const { ColumnDef: column } = (cmd.def ?? {}) as Node;
    if (cmd.missing_ok && table.columns.has(column?.colname ?? '')) return;
    const inline = inlineOf(cmd);
    const filled = inline.find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr;
    const byRow =
      isCounter(column?.typeName) ||
      inline.some(
        ({ contype, generated_kind }) =>
          contype === 'CONSTR_IDENTITY' || (contype === 'CONSTR_GENERATED' && generated_kind !== 'v'),
      ) ||
      (filled !== undefined && differsByRow(filled, this.#catalogue.volatility)) ||
      this.#catalogue.domains.get(typeFacts(column?.typeName)?.name ?? '')?.checked === true;
    if (byRow) for (const { label } of table.holders) this.rewritten.add(label);
    // Every row has NULL in it: PostgreSQL looks up nothing.
    for (const constraint of inline)
      if (constraint.contype !== 'CONSTR_FOREIGN' || filled) this.#constraint(table, constraint, true);
      else this.#lock(constraint.pktable, 'ShareRowExclusiveLock');
  }

  #constraint(table: TableModel, constraint: Constraint | undefined, inline: boolean): void {
    const { contype, skip_validation, indexname } = constraint ?? {};
    if (contype === 'CONSTR_FOREIGN') {
      this.#lock(constraint?.pktable, 'ShareRowExclusiveLock');
      if (!skip_validation) this.#readAll(table);
    } else if (contype === 'CONSTR_CHECK' || contype === 'CONSTR_EXCLUSION') {
      if (!skip_validation) this.#readAll(table);
    } else if (contype === 'CONSTR_NOTNULL' && !inline && !skip_validation) {
      const [key] = (constraint?.keys ?? []) as Node[];
      if (!table.columns.get(key?.String?.sval ?? '')?.required) this.#readAll(table);
    } else if ((contype === 'CONSTR_UNIQUE' || contype === 'CONSTR_PRIMARY') && !indexname) this.#readAll(table);
    else if (contype === 'CONSTR_PRIMARY' && indexname) {
      const columns = table.indexes.get(indexname)?.columns;
      if (!columns?.every((column) => table.columns.get(column)?.required)) this.#readAll(table);
    }
  }

  #index({ IndexStmt }: Node): void {
    const [table] = this.#filled(IndexStmt?.relation);
    if (!table || !IndexStmt) return;
    this.lockTable(table, 'ShareLock');
    const there = IndexStmt.idxname !== undefined && table.indexes.has(IndexStmt.idxname);
    if (IndexStmt.relation?.inh === false || (IndexStmt.if_not_exists && there)) return;
    this.#readAll(table);
  }

  /** Its foreign keys lock the other tables; an heir or a partition locks the one above. */
  #create({ CreateStmt }: Node): void {
    const elements = (CreateStmt?.tableElts ?? []) as Node[];
    const all = [
      ...constraintsOf(elements),
      ...elements.flatMap(({ ColumnDef }) => constraintsOf(ColumnDef?.constraints)),
    ];
    const self = keyOf(CreateStmt?.relation ?? {});
    for (const { contype, pktable } of all)
      if (contype === 'CONSTR_FOREIGN' && pktable && keyOf(pktable) !== self)
        this.#lock(pktable, 'ShareRowExclusiveLock');
  }

  #partition(node: Node): void {
    const part = partitionOf(node);
    if (!part) return;
    const made = node.CreateStmt !== undefined;
    const [parent] = this.#filled(
      node.AlterTableStmt?.relation ?? (node.CreateStmt?.inhRelations?.[0] as Node | undefined)?.RangeVar,
    );
    if (!parent) return;
    if (made) this.locks.set(parent.label, 'AccessExclusiveLock');
    const attached = made ? [] : this.#filled(part);
    const beside = parent.below.filter(({ rest, filled }) => rest && filled);
    for (const table of [...attached, ...beside]) {
      this.lockTable(table, 'AccessExclusiveLock');
      // A CHECK that speaks of the same column is taken for one that says that all rows fit: what it says exactly, PostgreSQL alone can weigh.
      const speaks = [...table.constraints.values()].some(
        ({ check, valid }) => valid && namesIn(check).some((name) => parent.by.includes(name)),
      );
      if (!speaks) this.#readAll(table);
    }
  }

  #reindex(range: RangeVar, kind: string | undefined): void {
    const byIndex = kind === 'REINDEX_OBJECT_INDEX';
    const table = byIndex
      ? this.#catalogue.indexNamed({ schema: range.schemaname, name: range.relname ?? '' })
      : this.#catalogue.meant(range);
    if (!table?.filled) return;
    this.lockTable(table, 'ShareLock');
    for (const { label } of table.holders) this.reindexed.add(label);
  }

  #domain({ AlterDomainStmt }: Node): void {
    if (
      !['C', 'O'].includes(AlterDomainStmt?.subtype ?? '') ||
      (AlterDomainStmt?.def as Node | undefined)?.Constraint?.skip_validation
    )
      return;
    const name = ((AlterDomainStmt?.typeName ?? []) as Node[]).at(-1)?.String?.sval ?? '';
    for (const table of columnsTyped(this.#catalogue.tables.values(), name).filter(({ filled }) => filled)) {
      this.lockTable(table, 'ShareLock');
      this.#readAll(table);
    }
  }

  /** Rows that are inserted, updated, deleted, at any depth: a WITH may hold one. */
  #changes(node: Node): void {
    if (node.CreateFunctionStmt) return;
    const walk = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      const { UpdateStmt, DeleteStmt, InsertStmt, MergeStmt } = value as Node;
      for (const range of [UpdateStmt?.relation, DeleteStmt?.relation, MergeStmt?.relation, manyIn(InsertStmt)])
        for (const table of this.#filled(range)) for (const { label } of table.holders) this.touched.add(label);
      for (const part of Object.values(value)) walk(part);
    };
    walk(node);
  }

  #drops({ DropStmt }: Node): void {
    for (const object of (DropStmt?.objects ?? []) as Node[]) {
      const { schemaname, relname } = droppedName(object);
      const range = { relname, ...(schemaname === undefined ? {} : { schemaname }) };
      if (DropStmt?.removeType === 'OBJECT_INDEX' && !DropStmt.concurrent) {
        const table = this.#catalogue.indexNamed({ schema: schemaname, name: relname });
        if (table?.filled) this.lockTable(table, 'AccessExclusiveLock');
      }
      const table =
        DropStmt?.removeType === 'OBJECT_TABLE' || DropStmt?.removeType === 'OBJECT_MATVIEW' ? this.#filled(range) : [];
      for (const one of table) {
        this.lockTable(one, 'AccessExclusiveLock');
        for (const { label } of [one, ...one.leaves]) this.gone.add(label);
      }
    }
  }

  #renames({ RenameStmt, AlterObjectSchemaStmt }: Node): void {
    if (['OBJECT_TABLE', 'OBJECT_COLUMN', 'OBJECT_TABCONSTRAINT'].includes(RenameStmt?.renameType ?? ''))
      this.#lock(RenameStmt?.relation, 'AccessExclusiveLock');
    if (AlterObjectSchemaStmt?.objectType === 'OBJECT_TABLE')
      this.#lock(AlterObjectSchemaStmt.relation, 'AccessExclusiveLock');
  }
}

/** INSERT of what a query gives, not of a list of values. */
function manyIn(insert: Node['InsertStmt']): RangeVar | undefined {
  const select = (insert?.selectStmt as Node | undefined)?.SelectStmt;
  return select?.fromClause ? insert?.relation : undefined;
}

/** What of ALTER TABLE takes less than ACCESS EXCLUSIVE: PostgreSQL manual, ALTER TABLE. */
const LOCKS: Record<string, string> = {
  AT_ValidateConstraint: 'ShareUpdateExclusiveLock',
  AT_SetStatistics: 'ShareUpdateExclusiveLock',
  AT_SetOptions: 'ShareUpdateExclusiveLock',
  AT_ResetOptions: 'ShareUpdateExclusiveLock',
  AT_SetRelOptions: 'ShareUpdateExclusiveLock',
  AT_ResetRelOptions: 'ShareUpdateExclusiveLock',
  AT_ClusterOn: 'ShareUpdateExclusiveLock',
  AT_DropCluster: 'ShareUpdateExclusiveLock',
  AT_AttachPartition: 'ShareUpdateExclusiveLock',
  AT_DetachPartitionFinalize: 'ShareUpdateExclusiveLock',
  AT_EnableTrig: 'ShareRowExclusiveLock',
  AT_DisableTrig: 'ShareRowExclusiveLock',
  AT_EnableTrigAll: 'ShareRowExclusiveLock',
  AT_DisableTrigAll: 'ShareRowExclusiveLock',
  AT_EnableTrigUser: 'ShareRowExclusiveLock',
  AT_DisableTrigUser: 'ShareRowExclusiveLock',
  AT_EnableAlwaysTrig: 'ShareRowExclusiveLock',
  AT_EnableReplicaTrig: 'ShareRowExclusiveLock',
};

function lockOf({ subtype, def }: Cmd): string {
  const { Constraint, PartitionCmd } = (def ?? {}) as Node;
  if (subtype === 'AT_AddConstraint' && Constraint?.contype === 'CONSTR_FOREIGN') return 'ShareRowExclusiveLock';
  if (subtype === 'AT_DetachPartition' && PartitionCmd?.concurrent) return 'ShareUpdateExclusiveLock';
  return LOCKS[subtype ?? ''] ?? 'AccessExclusiveLock';
}
