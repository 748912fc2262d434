import { dirname, join } from 'node:path';
import { OpsError, type Secret, usageError, withPostgres } from '@drydock/kit';
import { compareInventories, type Inventory, readInventory } from '@drydock/kit/inventory';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import type { Client } from 'pg';
import { migrationList, NO_FILTERS } from '../engine/history.ts';
import { withEngine } from '../engine/load.ts';
import { withMigrations } from '../migrations/apply.ts';
import { type Failed, sentence } from '../migrations/failure.ts';
import { type Migration, readMigrations } from '../migrations/folder.ts';
import { parseStatements, type Statement } from '../migrations/statements.ts';
import { applyFenced, withoutReaching } from '../rehearsal/fence.ts';
import { makeBeside } from '../rehearsal/fill.ts';
import { withScratch } from '../rehearsal/scratch.ts';
import { inventoryOf } from '../schema/inventory.ts';
import { destroyedBy } from '../seen/destroys.ts';
import type { Target } from '../target.ts';
import { type Definitions, readDefinitions } from './definitions.ts';

const NAME = 'drydock db:down';

export interface Draft {
  sql: string;
  /** What a person has to decide; also in the file, as comments. */
  open: string[];
  /** The schema after up and down was what it was before. */
  proven: boolean;
}

/**
 * Drafts the down.sql of a migration: Prisma's engine writes what leads back, what it does not know (checks, triggers,
 * functions, views) is added from the catalogue, and what cannot come back is marked. Tried on a scratch database.
 */
export async function draftDown(target: Target, name: string): Promise<Draft> {
  const all = readMigrations(target.migrationsDir);
  const at = all.findIndex((migration) => migration.name === name);
  const migration = all[at];
  if (!migration)
    throw usageError(
      'MIGRATION_UNKNOWN',
      `There is no migration ${name} in ${target.migrationsDir}.`,
      'Name the folder, without its path.',
    );
  const statements = await parseStatements(migration.sql, migration.file);
  return withScratch(
    target,
    async ({ url }) => {
      const before = await withMigrations(url, async (session) => {
        for (const earlier of all.slice(0, at)) await applyFenced(session, earlier, target);
        const found = await lookAt(session.client);
        await applyFenced(session, migration, target);
        return found;
      });
      const engine = await unitsOf(await engineDiff(target, url, all.slice(0, at)));
      // What the engine does not know of may hang on what it takes away, or the other way round: their order is found by trying.
      const { first, second } = await withPostgres(url, NAME, async (client) => {
        const drops = await inTheWay(client, before);
        const tried = await settle(client, [...drops, ...engine]);
        // Of what is still in the way, the catalogue says it again.
        const again = tried.failed.flatMap(({ sql }) => (drops.includes(sql) ? [] : sql));
        return { first: tried, second: await settle(client, [...again, ...repair(before, await lookAt(client))]) };
      });
      const { failed } = second;
      const { added, lost, changed } = compareInventories(before.inventory, await inventoryOf(url));
      const unequal = [...added, ...lost, ...changed];
      const open = [
        ...failed.map(({ sql, message }) => `this fails: ${message}: ${oneLine(sql)}`),
        ...unequal.map((key) => `${key} is not what it was before`),
        ...irreversible(statements),
      ];
      const text = [...open.map((line) => `-- TODO ${line}`), ...first.done, ...second.done].join('\n');
      return { sql: `${text.trim()}\n`, open, proven: failed.length === 0 && unequal.length === 0 };
    },
    { content: 'empty' },
  );
}

/** From what the database is to what the earlier migrations make, without the engine's remarks. */
async function engineDiff(target: Target, url: Secret, earlier: Migration[]): Promise<string> {
  const texts = await withPostgres(url, 'drydock db:down', async (client) => {
    const found: string[] = [];
    for (const migration of earlier) found.push(await withoutReaching(client, migration));
    return found;
  });
  const named = earlier.map(({ name }, at) => ({ name, sql: texts[at] ?? '' }));
  const migrationsList = migrationList(target.migrationsDir, named);
  const schema = await import('../schema/files.ts').then(({ readSchemaFiles }) => readSchemaFiles(target.schemaFile));
  try {
    const work = async (engine: SchemaEngine) => {
      await engine.diagnoseMigrationHistory({ migrationsList, filters: NO_FILTERS, optInToShadowDatabase: true });
      return engine.diff({
        from: { tag: 'schemaDatasource', files: schema, configDir: dirname(target.schemaFile) },
        to: { tag: 'migrations', ...migrationsList },
        script: true,
        exitCode: false,
        filters: NO_FILTERS,
      });
    };
    const makeShadow = (name: string) => makeBeside(target, name);
    const { stdout } = await withEngine(url.reveal(), work, { makeShadow });
    return (stdout ?? '')
      .split('\n')
      .filter((line) => line.trim() && !line.startsWith('-- This is an empty migration'))
      .join('\n');
  } catch (cause) {
    throw new OpsError({
      code: 'DIFF_FAILED',
      message: `Prisma's engine could not work out the way back: ${(cause as Error).message.split('\n')[0]}`,
      hint: 'Write down.sql by hand; db:rollback proves it before it runs.',
      cause,
    });
  }
}

interface Look {
  inventory: Inventory;
  definitions: Definitions;
}

async function lookAt(client: Client): Promise<Look> {
  return { inventory: await readInventory(client), definitions: await readDefinitions(client) };
}

/** Statements of a script; what stands in a transaction of its own is one. */
async function unitsOf(script: string): Promise<string[]> {
  const units: string[] = [];
  let open: string[] = [];
  for (const { sql, comments, transaction } of await parseStatements(script, 'down.sql')) {
    open.push(`${comments.trim()}\n${sql};`.trim());
    if (transaction === 'begin' || (open.length > 1 && !transaction)) continue;
    units.push(open.join('\n'));
    open = [];
  }
  return open.length > 0 ? [...units, open.join('\n')] : units;
}

/**
 * Runs them in their order; what fails since something hangs on it, or is not there yet, comes again behind the others, until nothing
 * moves any more. So `done` is in the order of what hangs on what.
 */
async function settle(
  client: Client,
  units: string[],
): Promise<{ done: string[]; failed: { sql: string; message: string }[] }> {
  const done: string[] = [];
  let left = units;
  for (;;) {
    const failed: { sql: string; message: string }[] = [];
    for (const sql of left) {
      try {
        await client.query(sql);
        done.push(sql);
      } catch (error) {
        await client.query('ROLLBACK');
        failed.push({ sql, message: sentence(error as Failed) });
      }
    }
    if (failed.length === 0 || failed.length === left.length) return { done, failed };
    left = failed.map(({ sql }) => sql);
  }
}

/** Prisma's engine does not know them, and what it takes away may be what they stand on. */
const UNKNOWN_TO_IT = /^(view|materialized view|trigger|policy|function) /;
const VIEW = /^(materialized )?view /;

/** Drops of what came with the migration, and of views that it made otherwise, with all that hangs on these: they are made again behind it. */
async function inTheWay(client: Client, before: Look): Promise<string[]> {
  const now = await lookAt(client);
  const { added, changed } = compareInventories(before.inventory, now.inventory);
  const dropsOf = (keys: string[]) => keys.flatMap((key) => now.definitions.get(key)?.drop ?? []);
  const views = changed.filter((key) => VIEW.test(key));
  const hanging = views.length > 0 ? await hangingOn(client, dropsOf(views), now) : [];
  const keys = [...added.filter((key) => UNKNOWN_TO_IT.test(key)), ...hanging];
  return dropsOf([...new Set(keys)]);
}

/** What goes with them, and they themselves: PostgreSQL is asked by dropping them, in a transaction that is taken back. */
async function hangingOn(client: Client, drops: string[], now: Look): Promise<string[]> {
  await client.query('BEGIN');
  try {
    // One of them may have gone with another.
    for (const drop of drops)
      await client.query(drop.replace(/^DROP (.*?VIEW) (.*);$/s, 'DROP $1 IF EXISTS $2 CASCADE;'));
    const { lost } = compareInventories(now.inventory, await readInventory(client));
    return lost.filter((key) => UNKNOWN_TO_IT.test(key) || /^constraint /.test(key));
  } finally {
    await client.query('ROLLBACK');
  }
}

/** What the engine has left, by the catalogue's own definitions. */
function repair(before: Look, now: Look): string[] {
  const { added, lost, changed } = compareInventories(before.inventory, now.inventory);
  return [
    ...added.flatMap((key) => now.definitions.get(key)?.drop ?? []),
    ...lost.flatMap((key) => before.definitions.get(key)?.make ?? []),
    ...changed.flatMap((key) => {
      const [was, is] = [before.definitions.get(key), now.definitions.get(key)];
      if (was?.alter) return [was.alter];
      return was?.make && is ? [`${is.drop}\n${was.make}`] : [];
    }),
  ];
}

function oneLine(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').slice(0, 120);
}

/** Data that the way back cannot bring: rows destroyed, and rows changed. */
function irreversible(statements: Statement[]): string[] {
  return statements.flatMap(({ node, line, sql }) => {
    const gone = destroyedBy(node).map(
      ({ table, column }) =>
        `the ${column ? `values of ${table}.${column}` : `rows of ${table}`} (line ${line}) do not come back: restore them from a backup`,
    );
    const changed = node.UpdateStmt || node.InsertStmt || node.DoStmt;
    return [
      ...gone,
      ...(changed ? [`line ${line} changes rows and is not undone: ${sql.slice(0, 60).replaceAll(/\s+/g, ' ')}`] : []),
    ];
  });
}

export function downFile(target: Target, name: string): string {
  return join(target.migrationsDir, name, 'down.sql');
}
