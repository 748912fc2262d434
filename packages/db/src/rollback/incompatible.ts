import { OpsError } from '@drydock/kit';
import { compareInventories, type Inventory } from '@drydock/kit/inventory';
import { type Migration, readMigrations } from '../migrations/folder.ts';
import { readState } from '../migrations/state.ts';
import { whatTheyMake } from '../rehearsal/findings.ts';
import { inventoryOf } from '../schema/inventory.ts';
import { findRunning } from '../schema/running.ts';
import type { Target } from '../target.ts';

/**
 * What of the database as it is now an earlier version could not live with: `since` are the migrations that were applied after it,
 * `commit` is its own, which tells what it uses. Empty means that they only expand what it knows. Whatever is in doubt counts as
 * incompatible: a column that is gone or required, another type, a rule for rows that it may write.
 */
export async function incompatibleWith(
  target: Target,
  { since, commit }: { since: string[]; commit: string },
): Promise<string[]> {
  if (since.length === 0) return [];
  const state = await readState(target);
  const before = readMigrations(target.migrationsDir).filter(
    ({ name }) => state.applied.includes(name) && !since.includes(name),
  );
  const made = await madeBy(target, before);
  if (made instanceof OpsError) return [`what it was made for could not be made anew: ${made.message}`];
  const found = await findRunning(target, commit).catch(() => undefined);
  const now = await inventoryOf(target.url);
  return [...missing(made, now, found?.running?.uses), ...demanding(made, now)];
}

async function madeBy(target: Target, migrations: Migration[]): Promise<Inventory | OpsError> {
  try {
    return await whatTheyMake(target, migrations);
  } catch (thrown) {
    if (thrown instanceof OpsError) return thrown;
    throw thrown;
  }
}

/** What was there for it, and is not, or is something else. */
function missing(made: Inventory, now: Inventory, uses: ((key: string) => boolean) | undefined): string[] {
  const { lost, changed } = compareInventories(made, now);
  const names = (key: string) => /^(table|view|materialized view|column|enum value) /.test(key);
  const needed = lost.filter((key) =>
    names(key) ? (uses?.(key) ?? true) : /^(function|sequence|type|schema) /.test(key),
  );
  const others = changed.filter((key) => {
    const [was = '', is = ''] = [made, now].map((inventory) => inventory.get(key)?.definition);
    if (key.startsWith('column ')) return (uses?.(key) ?? true) && bare(was) !== bare(is);
    // Of a constraint, whether it is valid is no business of a version; nor who owns what and may what.
    return MEANT.test(key) && was !== is;
  });
  return [...needed.map((key) => `${key} is gone`), ...others.map((key) => `${key} is another`)];
}

/** What a version counts on to be what it was. */
const MEANT = /^(view|materialized view|constraint|enum value|function|trigger|rule|policy|type|foreign table) /;

/** A column without its default: that is asked of the database, not of the version. */
function bare(definition: string): string {
  return definition.replace(/ DEFAULT .*?(?= IDENTITY| GENERATED| COLLATE|$)/s, '');
}

/** What is new on tables that it writes to, and may refuse its rows. */
function demanding(made: Inventory, now: Inventory): string[] {
  const { added } = compareInventories(made, now);
  const tables = new Set([...made.keys()].filter((key) => key.startsWith('table ')).map((key) => key.slice(6)));
  const isNewColumn = (table: string, column: string) => added.includes(`column ${table}.${column}`);
  return added.flatMap((key) => {
    const [kind = ''] = key.split(' ');
    const table = [...tables].find((name) => key.startsWith(`${kind} ${name}.`));
    const definition = now.get(key)?.definition ?? '';
    const on = kind === 'index' ? indexed(definition, tables) : table;
    if (on === undefined) return [];
    if (kind === 'column' && / NOT NULL/.test(definition) && !/ (DEFAULT|IDENTITY|GENERATED)/.test(definition))
      return [`${key} is required`];
    if (kind === 'constraint' && !columnsOf(definition)?.every((column) => isNewColumn(on, column)))
      return [`${key} is new`];
    if (kind === 'index' && /^CREATE UNIQUE /.test(definition))
      return columnsOf(definition)?.every((column) => isNewColumn(on, column)) ? [] : [`${key} is new`];
    return ['trigger', 'rule', 'policy'].includes(kind) ? [`${key} is new`] : [];
  });
}

function indexed(definition: string, tables: ReadonlySet<string>): string | undefined {
  const on = / ON (?:ONLY )?(\S+) USING /.exec(definition)?.[1]?.replaceAll('"', '');
  return on && tables.has(on) ? on : undefined;
}

/** Of a key that is made of plain columns; a rule of any other form is in doubt. */
function columnsOf(definition: string): string[] | undefined {
  const list = /^(?:FOREIGN KEY|UNIQUE|CREATE UNIQUE INDEX .* USING btree) \(([^()]*)\)/s.exec(definition)?.[1];
  return list?.split(', ').map((name) => name.replaceAll('"', ''));
}
