import { dirname, join } from 'node:path';
import { connectPostgres, OpsError, quoteIdentifier as q, type Secret, usageError, withPostgres } from '@drydock/kit';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import { withEngine } from '../engine/load.ts';
import { withMigrations } from '../migrations/apply.ts';
import { type Migration, readMigrations } from '../migrations/folder.ts';
import { parseStatements, type Statement } from '../migrations/statements.ts';
import { applyFenced, withoutReaching } from '../rehearsal/fence.ts';
import { makeBeside } from '../rehearsal/fill.ts';
import { withScratch } from '../rehearsal/scratch.ts';
import { compareInventories, type Inventory, inventoryOf, readInventory } from '../schema/inventory.ts';
import { destroyedBy } from '../seen/destroys.ts';
import type { Target } from '../target.ts';

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
        const found = await readInventory(session.client);
        await applyFenced(session, migration, target);
        return found;
      });
      const back = [await engineDiff(target, url, all.slice(0, at))].filter(Boolean);
      const failure = await tryOut(url, back.join('\n'));
      const rest = failure ? [] : repair(before, await inventoryOf(url));
      const failed = failure ?? (await tryOut(url, rest.map(({ sql }) => sql).join('\n')));
      const { added, lost, changed } = compareInventories(before, await inventoryOf(url));
      const unequal = [...added, ...lost, ...changed];
      const open = [
        ...(failed ? [`the draft fails: ${failed}`] : []),
        ...unequal.map((key) => `${key} is not what it was before`),
        ...irreversible(statements),
      ];
      const text = [...open.map((line) => `-- TODO ${line}`), ...back, ...rest.map(({ sql }) => sql)].join('\n');
      return { sql: `${text.trim()}\n`, open, proven: !failed && unequal.length === 0 };
    },
    { content: 'empty' },
  );
}

/** From what the database is to what the earlier migrations make, without the engine's remarks. */
async function engineDiff(target: Target, url: Secret, earlier: Migration[]): Promise<string> {
  const filters = { externalTables: [], externalEnums: [] };
  const texts = await withPostgres(url, 'drydock db:down', async (client) => {
    const found: string[] = [];
    for (const migration of earlier) found.push(await withoutReaching(client, migration));
    return found;
  });
  const migrationsList = {
    baseDir: target.migrationsDir,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    // The engine makes them anew in a database of its own, on the same server.
    migrationDirectories: earlier.map(({ name }, at) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: texts[at] ?? '' } },
    })),
  };
  const schema = await import('../schema/files.ts').then(({ readSchemaFiles }) => readSchemaFiles(target.schemaFile));
  try {
    const work = async (engine: SchemaEngine) => {
      await engine.diagnoseMigrationHistory({ migrationsList, filters, optInToShadowDatabase: true });
      return engine.diff({
        from: { tag: 'schemaDatasource', files: schema, configDir: dirname(target.schemaFile) },
        to: { tag: 'migrations', ...migrationsList },
        script: true,
        exitCode: false,
        filters,
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

async function tryOut(url: Secret, sql: string): Promise<string | undefined> {
  if (!sql.trim()) return undefined;
  const client = await connectPostgres(url, 'drydock db:down');
  try {
    await client.query(sql);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end();
  }
}

/** What Prisma's engine does not know of, by the catalogue's own definitions. */
function repair(before: Inventory, now: Inventory): { sql: string }[] {
  const { added, lost } = compareInventories(before, now);
  const drops = added.map((key) => dropOf(key)).filter((sql) => sql !== undefined);
  const makes = lost.map((key) => makeOf(key, before.get(key)?.definition ?? '')).filter((sql) => sql !== undefined);
  return [...drops, ...makes].map((sql) => ({ sql }));
}

/** `public.Job.name` → its parts; a name with a dot in it stays a TODO, as PostgreSQL refuses the guess. */
function partsOf(key: string, kind: string): string[] {
  return key.slice(kind.length + 1).split('.');
}

function dropOf(key: string): string | undefined {
  const [kind = ''] = key.split(' ');
  const [schema = '', table = '', name = ''] = partsOf(key, kind);
  const relation = `${q(schema)}.${q(table)}`;
  if (kind === 'constraint') return `ALTER TABLE ${relation} DROP CONSTRAINT ${q(name)};`;
  if (kind === 'trigger') return `DROP TRIGGER ${q(name)} ON ${relation};`;
  if (kind === 'index') return `DROP INDEX ${relation};`;
  if (kind === 'view') return `DROP VIEW ${relation};`;
  if (kind === 'function') {
    const open = key.indexOf('(');
    const [of = '', called = ''] = key.slice('function '.length, open).split('.');
    return `DROP FUNCTION ${q(of)}.${q(called)}${key.slice(open)};`;
  }
  return undefined;
}

function makeOf(key: string, definition: string): string | undefined {
  const [kind = ''] = key.split(' ');
  const [schema = '', table = '', name = ''] = partsOf(key, kind);
  const relation = `${q(schema)}.${q(table)}`;
  if (kind === 'constraint') return `ALTER TABLE ${relation} ADD CONSTRAINT ${q(name)} ${definition};`;
  if (kind === 'index' || kind === 'trigger') return `${definition};`;
  if (kind === 'view') return `CREATE VIEW ${relation} AS ${definition}`;
  return undefined;
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
