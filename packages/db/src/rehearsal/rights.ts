import type { Finding } from '@drydock/kit';
import { OURS } from '@drydock/kit/inventory';
import type { Migration } from '../migrations/folder.ts';
import type { Node } from '../migrations/statements.ts';
import type { Named, Table } from '../seen/tables.ts';
import type { Witness } from '../seen/types.ts';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';

/** What the role may do on the target. Where a copy had to be made object by object, its role owns more than there. */
export interface Rights {
  /** Of a table, by its label: `owner`, or privileges that it lacks. */
  lacks: Map<string, ReadonlySet<string>>;
  /** Schemas of the target in which it may make nothing. */
  closed: ReadonlySet<string>;
}

const PRIVILEGES = ['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER'];

/** Reads only. */
export async function readRights(target: Target): Promise<Rights> {
  return looking(target.url, 'drydock db:dry-run', async (client) => {
    const lacking = PRIVILEGES.map((name) => {
      // These may be granted for some columns alone.
      const has = name === 'INSERT' || name === 'UPDATE' ? 'has_any_column_privilege' : 'has_table_privilege';
      return `CASE WHEN NOT ${has}(c.oid, '${name}') THEN '${name}' END`;
    });
    const { rows } = await client.query<{ label: string; lacks: string[] }>(
      `SELECT c.oid::regclass::text AS label, array_remove(ARRAY[CASE WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN 'owner' END, ${lacking}], NULL) AS lacks
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'm') AND ${OURS}`,
    );
    const { rows: closed } = await client.query<{ name: string }>(
      `SELECT nspname AS name FROM pg_namespace WHERE NOT has_schema_privilege(oid, 'CREATE')`,
    );
    return {
      lacks: new Map(rows.filter(({ lacks }) => lacks.length > 0).map(({ label, lacks }) => [label, new Set(lacks)])),
      closed: new Set(closed.map(({ name }) => name)),
    };
  });
}

/** The statements that the target would refuse to this role, though the copy did not. */
export function refusedThere(
  migration: Migration,
  witnesses: Witness[],
  { lacks, closed }: Rights,
  defaultSchema: string,
): Finding[] {
  // A file that takes another role says itself what it may; the copy has the memberships of the target.
  if (witnesses.some(({ statement }) => takesRole(statement.node))) return [];
  return witnesses.flatMap(({ statement: { node, line }, tableOf }): Finding[] => {
    const fail = (message: string): Finding => ({
      level: 'error',
      code: 'MIGRATION_FAILED',
      message: `${migration.file}:${line}: ${message}. Nothing of it was applied.`,
      hint: 'Run it as the role that owns what it changes, or be granted what it needs.',
      file: migration.file,
      line,
    });
    const schema = madeIn(node, defaultSchema);
    if (schema !== undefined && closed.has(schema)) return [fail(`permission denied for schema ${schema}`)];
    return needs(node).flatMap(({ range, right }) => {
      const table: Table | undefined = tableOf(range);
      if (!table || !lacks.get(table.label)?.has(right)) return [];
      return [
        fail(right === 'owner' ? `must be owner of table ${table.name}` : `permission denied for table ${table.name}`),
      ];
    });
  });
}

function takesRole({ VariableSetStmt }: Node): boolean {
  return VariableSetStmt?.name === 'role' || VariableSetStmt?.name === 'session_authorization';
}

type Need = { range: Named | undefined; right: string };

/** PostgreSQL manual, 5.7: what only an owner may, and what may be granted. */
function needs(node: Node): Need[] {
  const owned = [
    node.AlterTableStmt?.relation,
    node.IndexStmt?.relation,
    node.RenameStmt?.relation,
    node.AlterObjectSchemaStmt?.relation,
    node.CreatePolicyStmt?.table,
    node.RuleStmt?.relation,
    node.ClusterStmt?.relation,
    ...(node.DropStmt?.removeType === 'OBJECT_TABLE' ? dropped(node.DropStmt.objects as Node[]) : []),
  ];
  const granted: [Named | undefined, string][] = [
    [node.InsertStmt?.relation, 'INSERT'],
    [node.UpdateStmt?.relation, 'UPDATE'],
    [node.DeleteStmt?.relation, 'DELETE'],
    [node.CreateTrigStmt?.relation, 'TRIGGER'],
    ...((node.TruncateStmt?.relations ?? []) as Node[]).map(({ RangeVar }): [Named | undefined, string] => [
      RangeVar,
      'TRUNCATE',
    ]),
  ];
  return [
    ...owned.map((range) => ({ range, right: 'owner' })),
    ...granted.map(([range, right]) => ({ range, right })),
  ].filter(({ range }) => range !== undefined);
}

function dropped(objects: Node[] = []): Named[] {
  return objects.map(({ List }) => {
    const parts = ((List?.items ?? []) as Node[]).map(({ String: name }) => name?.sval);
    return { schemaname: parts.at(-2), relname: parts.at(-1) };
  });
}

function madeIn(node: Node, defaultSchema: string): string | undefined {
  const relation = node.CreateStmt?.relation ?? node.ViewStmt?.view ?? node.CreateTableAsStmt?.into?.rel;
  if (relation) return relation.relpersistence === 't' ? undefined : (relation.schemaname ?? defaultSchema);
  const name = (node.CreateEnumStmt?.typeName ?? node.CreateFunctionStmt?.funcname) as Node[] | undefined;
  return name && (name.length > 1 ? name[0]?.String?.sval : defaultSchema);
}
