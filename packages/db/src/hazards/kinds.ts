import type { ColumnDef } from 'libpg-query';
import type { Raw } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import { typeOf } from './nodes.ts';
import type { Rule } from './types.ts';

/** Of 32 bits or fewer, and what has 64. */
const WIDER: Record<string, string> = {
  int2: 'int8',
  int4: 'int8',
  serial: 'bigserial',
  serial2: 'bigserial',
  serial4: 'bigserial',
  smallserial: 'bigserial',
};

/** Key and column types that are regretted later. Only for what the migration makes: what is there is there. */
export const typeRules: Rule = ({ node }) => {
  const { CreateStmt, AlterTableStmt } = node;
  const elements = (CreateStmt?.tableElts ?? []) as Node[];
  const created = elements.flatMap(({ ColumnDef }) => (ColumnDef ? [ColumnDef] : []));
  const added = ((AlterTableStmt?.cmds ?? []) as Node[]).flatMap(({ AlterTableCmd: cmd }) => {
    const { ColumnDef } = (cmd?.def ?? {}) as Node;
    return cmd?.subtype === 'AT_AddColumn' && ColumnDef ? [ColumnDef] : [];
  });
  const key = primaryKey(created, elements);
  const narrow = created.filter(({ colname, typeName }) => colname === key && (typeOf(typeName) ?? '') in WIDER);
  const json = [...created, ...added].filter(({ typeName }) => typeOf(typeName) === 'json');
  // The whole statement, with other types.
  const recipe = [
    withTypes(node, (type, colname) => (type === 'json' ? 'jsonb' : colname === key ? WIDER[type] : undefined)),
  ];
  return [
    ...narrow.map(
      (): Raw => ({
        level: 'warn',
        code: 'INTEGER_KEY',
        message: `gives ${CreateStmt?.relation?.relname} a key of 32 bits or fewer, which runs out`,
        hint: 'In the Prisma schema: BigInt @id @default(autoincrement()).',
        recipe,
      }),
    ),
    ...json.map(
      ({ colname }): Raw => ({
        level: 'warn',
        code: 'JSON_COLUMN',
        message: `makes ${colname} of type json, which has no equality (DISTINCT, GROUP BY and UNION fail) and no index`,
        hint: 'In the Prisma schema: Json without @db.Json.',
        recipe,
      }),
    ),
  ];
};

function withTypes(node: Node, other: (type: string, column: string) => string | undefined): Node {
  const copy = structuredClone(node);
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { ColumnDef } = value as Node;
    const names = (ColumnDef?.typeName?.names ?? []) as Node[];
    const type = names.at(-1)?.String;
    const better = other(type?.sval ?? '', ColumnDef?.colname ?? '');
    if (type && better) type.sval = better;
    for (const part of Object.values(value)) walk(part);
  };
  walk(copy);
  return copy;
}

/** The one column that is the key; a key of several is no counter. */
function primaryKey(columns: ColumnDef[], elements: Node[]): string | undefined {
  const inline = columns.find(({ constraints }) =>
    ((constraints ?? []) as Node[]).some(({ Constraint }) => Constraint?.contype === 'CONSTR_PRIMARY'),
  );
  const table = elements.find(({ Constraint }) => Constraint?.contype === 'CONSTR_PRIMARY')?.Constraint;
  const keys = ((table?.keys ?? []) as Node[]).map((key) => key.String?.sval);
  return inline?.colname ?? (keys.length === 1 ? keys[0] : undefined);
}
