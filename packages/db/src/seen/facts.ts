import type { Client } from 'pg';
import type { Node } from '../migrations/statements.ts';
import type { NamedTable, Watched } from './tables.ts';

/** What a recipe has to know of a table. */
export interface TableFacts {
  /** Names of its constraints and columns: a new one takes none of them. */
  taken: string[];
  /** Columns that may be NULL. */
  nullable: string[];
  /** Columns that nothing hangs on: no index, constraint, default, view. */
  free: string[];
  /** Columns of its indexes that hold all rows, in their order. */
  indexes: { columns: string[]; unique: boolean }[];
  /** Its partitions are tables themselves, and none takes what fits nowhere else. */
  partitions: { flat: boolean; rest: boolean };
}

/** Of the tables with rows that these nodes alter in a way that may need a recipe. Before the statement runs. */
export async function readFacts(client: Client, nodes: Node[], watched: Watched): Promise<Map<string, TableFacts>> {
  const tables = nodes.flatMap(asked).flatMap((range) => watched.named(range) ?? []);
  const facts = new Map<string, TableFacts>();
  for (const table of tables)
    if (table.rows > 0 && !facts.has(table.label)) facts.set(table.label, await readOne(client, table));
  return facts;
}

/** What changes a table without reading it, or reading all of it, needs no recipe. */
const WITHOUT = new Set([
  'AT_DropColumn',
  'AT_ColumnDefault',
  'AT_DropNotNull',
  'AT_SetStatistics',
  'AT_DropConstraint',
  'AT_ValidateConstraint',
  'AT_ChangeOwner',
  'AT_EnableRowSecurity',
]);

function asked({ AlterTableStmt, RefreshMatViewStmt, IndexStmt }: Node) {
  if (RefreshMatViewStmt) return [RefreshMatViewStmt.relation];
  if (IndexStmt && !IndexStmt.concurrent) return [IndexStmt.relation];
  const cmds = (AlterTableStmt?.cmds ?? []) as Node[];
  return cmds.some(({ AlterTableCmd: cmd }) => needsFacts(cmd)) ? [AlterTableStmt?.relation] : [];
}

function needsFacts(cmd: Node['AlterTableCmd']): boolean {
  if (cmd?.subtype !== 'AT_AddColumn') return !WITHOUT.has(cmd?.subtype ?? '');
  return ((((cmd.def ?? {}) as Node).ColumnDef?.constraints ?? []) as Node[]).length > 0;
}

async function readOne(client: Client, { oid }: NamedTable): Promise<TableFacts> {
  const { rows } = await client.query<TableFacts>(
    `SELECT ARRAY(SELECT conname::text FROM pg_constraint WHERE conrelid = $1 UNION SELECT attname::text FROM pg_attribute WHERE attrelid = $1) AS taken,
            ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND NOT attnotnull) AS nullable,
            ARRAY(SELECT attname::text FROM pg_attribute a WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND NOT attnotnull AND NOT atthasdef
                     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.refobjsubid = a.attnum)) AS free,
            (SELECT coalesce(json_agg(json_build_object('unique', i.indisunique, 'columns',
                       ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(n, at) JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = k.n
                              WHERE k.at <= i.indnkeyatts ORDER BY k.at))), '[]')
               FROM pg_index i WHERE i.indrelid = $1 AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL) AS indexes,
            json_build_object('flat', NOT EXISTS (SELECT FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid WHERE h.inhparent = $1 AND c.relkind <> 'r'),
              'rest', EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = $1 AND partdefid <> 0)) AS partitions`,
    [oid],
  );
  if (!rows[0]) throw new Error('the catalogue gives one row');
  return rows[0];
}

/** What must hold of the rows of the partition that a statement puts into a table, behind it, as PostgreSQL writes it. */
export async function readBound(client: Client, nodes: Node[]): Promise<string | undefined> {
  const range = nodes.map(partitionOf).find((one) => one !== undefined);
  if (!range?.relname) return undefined;
  const { rows } = await client.query<{ bound: string | null }>(
    `SELECT pg_get_partition_constraintdef(to_regclass(concat_ws('.', quote_ident($1), quote_ident($2)))) AS bound`,
    [range.schemaname ?? null, range.relname],
  );
  return rows[0]?.bound ?? undefined;
}

/** The partition that it puts into a table. */
export function partitionOf({ AlterTableStmt, CreateStmt }: Node): Node['RangeVar'] {
  if (CreateStmt?.partbound) return CreateStmt.relation;
  const attach = ((AlterTableStmt?.cmds ?? []) as Node[]).find(
    ({ AlterTableCmd: cmd }) => cmd?.subtype === 'AT_AttachPartition',
  );
  return AlterTableStmt?.objtype === 'OBJECT_TABLE'
    ? ((attach?.AlterTableCmd?.def ?? {}) as Node).PartitionCmd?.name
    : undefined;
}
