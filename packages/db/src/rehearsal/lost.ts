import { quoteIdentifier as q } from '@drydock/kit';
import type { Inventory } from '@drydock/kit/inventory';
import type { Raw } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import type { Running } from '../schema/running.ts';
import type { Witness } from '../seen/types.ts';

/** At which statement of a migration something of this kind was found. */
export type At = { at: number; raw: Raw };

/** Kinds that a Prisma client, or any other, names in its queries. */
const NAMED = /^(table|view|materialized view|column|enum value) /;

/**
 * What was there before and is not after a migration, and that the running version still uses. A name that lives on as
 * a view is not lost. The rehearsal decides; the syntax only tells at which statement.
 */
export function lostByRunning(
  before: Inventory,
  after: Inventory,
  witnesses: Witness[],
  running: Running | undefined,
): At[] {
  const lives = new Set([...after.keys()].map(nameOf));
  const lost = [...before.keys()].filter((key) => NAMED.test(key) && !lives.has(nameOf(key)) && !after.has(key));
  const gone = new Set(lost.map(nameOf));
  return (
    lost
      .filter((key) => running?.uses(key) ?? true)
      // A table takes its columns with it: told once.
      .filter((key) => !key.startsWith('column ') || !gone.has(parentOf(nameOf(key))))
      .map((key) => lostAt(key, witnesses, running))
  );
}

function lostAt(key: string, witnesses: Witness[], running: Running | undefined): At {
  const last = key.split('.').at(-1) ?? '';
  const renames = witnesses.findIndex(({ statement }) => renamed(statement.node, last));
  const at = renames >= 0 ? renames : witnesses.findIndex(({ statement }) => mayDrop(statement.node, last));
  const who = running
    ? `the running version (${running.commit.slice(0, 10)})`
    : 'the running version, as far as known,';
  return {
    at: Math.max(at, 0),
    raw: {
      level: 'error',
      code: renames >= 0 ? 'RENAMES_USED' : 'DROPS_USED',
      message: `${renames >= 0 ? 'renames' : 'drops'} ${key}, which ${who} still uses`,
      hint:
        renames >= 0
          ? 'Expand and contract: let both names work until no version knows the old one.'
          : 'Release a version that does not use it first (@ignore in the Prisma schema), then drop it. Which version runs: --running COMMIT',
      ...(renames >= 0 ? { recipe: renameRecipe(witnesses[renames]?.statement.node ?? {}) } : {}),
    },
  };
}

/** Of a relation or a column; a view may stand for a table. */
export function nameOf(key: string): string {
  return key.replace(/^(table|view|materialized view|column) /, '');
}

function parentOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

function renamed({ RenameStmt, AlterEnumStmt, AlterObjectSchemaStmt }: Node, name: string): boolean {
  const old = RenameStmt?.subname ?? RenameStmt?.relation?.relname;
  return [old, AlterEnumStmt?.oldVal, AlterObjectSchemaStmt?.relation?.relname].includes(name);
}

export function mayDrop(node: Node, name: string): boolean {
  const text = JSON.stringify(node);
  return Boolean(node.DropStmt || node.AlterTableStmt || node.DoStmt) && text.includes(JSON.stringify(name));
}

function renameRecipe({ RenameStmt: rename }: Node): (Node | string)[] {
  if (!rename?.relation) return [];
  const table = (name: string | undefined) =>
    [rename.relation?.schemaname, name]
      .filter((part) => part !== undefined)
      .map(q)
      .join('.');
  if (rename.renameType !== 'OBJECT_COLUMN')
    return [
      `ALTER TABLE ${table(rename.relation.relname)} RENAME TO ${q(rename.newname ?? '')};`,
      `CREATE VIEW ${table(rename.relation.relname)} AS SELECT * FROM ${table(rename.newname)};`,
      '-- in a later release, when no running version knows the old name: DROP VIEW',
    ];
  return [
    `-- keep the column, and give the field its new name in the Prisma schema alone: @map(${JSON.stringify(rename.subname)})`,
  ];
}
