import { quoteIdentifier as q } from '@drydock/kit';
import type { Inventory } from '@drydock/kit/inventory';
import type { Raw } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import type { Running } from '../schema/running.ts';
import type { Watched } from '../seen/tables.ts';
import type { Witness } from '../seen/types.ts';
import type { Stock } from './stock.ts';

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

/** Columns that were unique and are no more, though they are there: ON CONFLICT and upsert name them, and fail without. */
export function lostKeys(
  witnesses: Witness[],
  { before, now, watched }: { before: Stock; now: Stock; watched: Watched },
  running: Running | undefined,
): At[] {
  return [...before.keys].flatMap(([oid, keys]) => {
    const table = watched.tables.get(oid);
    const left = new Set(now.keys.get(oid)?.map(String));
    const names = now.columns.get(oid);
    if (!table || !names) return [];
    const was = before.columns.get(oid);
    return keys
      .filter((key) => !left.has(String(key)) && key.every((column) => names.has(column)))
      .map((key) => key.map((column) => was?.get(column) ?? ''))
      .filter((key) => running?.uses(`unique ${table.schema}.${table.name}(${key.toSorted().join(', ')})`) ?? true)
      .map((key): At => {
        const at = witnesses.findIndex(({ statement: { node } }) => mayDrop(node, table.name) || node.DropStmt);
        return {
          at: Math.max(at, 0),
          raw: {
            level: 'error',
            code: 'DROPS_USED',
            message: `drops what makes ${key.join(', ')} of ${table.label} unique, which ${whose(running)} still uses: its upserts (ON CONFLICT) fail without`,
            hint: 'Release a version that does not upsert by it first. Which version runs: --running COMMIT',
          },
        };
      });
  });
}

function whose(running: Running | undefined): string {
  return running ? `the running version (${running.commit.slice(0, 10)})` : 'the running version, as far as known,';
}

function lostAt(key: string, witnesses: Witness[], running: Running | undefined): At {
  const last = key.split('.').at(-1) ?? '';
  const renames = witnesses.findIndex(({ statement }) => renamed(statement.node, last));
  const at = renames >= 0 ? renames : witnesses.findIndex(({ statement }) => mayDrop(statement.node, last));
  const who = whose(running);
  const node = witnesses[renames]?.statement.node ?? {};
  const recipe = renameRecipe(node);
  return {
    at: Math.max(at, 0),
    raw: {
      level: 'error',
      code: renames >= 0 ? 'RENAMES_USED' : 'DROPS_USED',
      message: `${renames >= 0 ? 'renames' : 'drops'} ${key}, which ${who} still uses`,
      hint:
        renames >= 0
          ? renameHint(node)
          : 'Release a version that does not use it first (@ignore in the Prisma schema), then drop it. Which version runs: --running COMMIT',
      ...(recipe.length > 0 ? { recipe } : {}),
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

/** Of a table: a view may stand for it. */
function renameRecipe({ RenameStmt: rename }: Node): string[] {
  const table = (name: string | undefined) =>
    [rename?.relation?.schemaname, name]
      .filter((part) => part !== undefined)
      .map(q)
      .join('.');
  if (!rename?.relation || rename.renameType !== 'OBJECT_TABLE') return [];
  return [
    `ALTER TABLE ${table(rename.relation.relname)} RENAME TO ${q(rename.newname ?? '')};`,
    `CREATE VIEW ${table(rename.relation.relname)} AS SELECT * FROM ${table(rename.newname)};`,
  ];
}

/** The schema may give a column another name than the database does. */
function renameHint({ RenameStmt: rename }: Node): string {
  if (rename?.renameType !== 'OBJECT_COLUMN')
    return 'Expand and contract: let both names work, and drop the view when no running version knows the old one.';
  return `Keep the column, and give the field its new name in the Prisma schema alone: @map(${JSON.stringify(rename.subname)}).`;
}
