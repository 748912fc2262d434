import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type Finding, type LoadedConfig, OpsError } from '@drydock/kit';
import { migrationsSection } from '../config.ts';
import { type Migration, readMigrations, readSql } from '../migrations/folder.ts';
import type { Script } from '../migrations/run.ts';
import { allOf } from '../migrations/squashes.ts';
import { parseStatements } from '../migrations/statements.ts';
import { placesOf } from '../places.ts';
import { filesAt, type Running, readUses } from '../schema/running.ts';
import { type Added, findAdded, namedFiles } from './added.ts';
import { type Linted, lint } from './lint.ts';
import { DEFAULT_SCHEMA } from './model.ts';

export interface LintRun extends Linted {
  /** Names of what was looked at. */
  migrations: string[];
  /** Undefined where files were named. */
  added: Added | undefined;
}

/** The migrations that are named, or those that this checkout has added; asks no database, and reads no variables. */
export async function runLint(
  config: LoadedConfig,
  { words, base }: { words: readonly string[]; base: string | undefined },
): Promise<LintRun> {
  const { largeTableRows, lockTimeoutMs, hazards } = migrationsSection.of(config);
  const { migrations: folder, schema } = placesOf(config);
  const added = words.length > 0 ? undefined : await findAdded(folder, base);
  const wanted = new Set((added?.files ?? namedFiles(words, config.path)).map((file) => realpathSync(file)));
  const known = existsSync(folder) ? readMigrations(folder) : [];
  const own = new Set(known.map(({ file }) => realpathSync(file)));
  const others = [...wanted]
    .filter((file) => !own.has(file))
    .map((file) => ({ name: nameOf(file), file, sql: readSql(file) }));
  // A squash makes what is there already: it is proven, and tells what the tables are.
  const squashes = known.filter(({ file, standsFor }) => standsFor && wanted.has(realpathSync(file)));
  const looked = [...known.filter(({ file, standsFor }) => !standsFor && wanted.has(realpathSync(file))), ...others];
  await refuseUnreadable(looked);
  const running = added && (await runningAt(schema, added.from));
  const all = [...known, ...others];
  const { findings, ignored } = await lint(all, new Set(looked.map(({ file }) => file)), {
    limits: { largeTableRows, lockTimeoutMs },
    hazards,
    running,
    apart: added === undefined,
  });
  return {
    migrations: [...squashes, ...looked].map(({ name }) => name),
    added,
    ignored,
    findings: [...missingBut(added?.findings ?? [], squashes), ...findings],
  };
}

/** What a squash stands for is not taken away. */
function missingBut(findings: Finding[], squashes: Migration[]): Finding[] {
  const stands = new Set(squashes.flatMap(({ standsFor = [] }) => allOf(standsFor)).map(({ name }) => name));
  return findings.filter(
    ({ code, message }) => code !== 'MIGRATION_MISSING' || !stands.has(message.split(' ')[0] ?? ''),
  );
}

/** As Prisma names it: by its folder. */
function nameOf(file: string): string {
  return basename(file) === 'migration.sql' ? basename(dirname(file)) : basename(file);
}

/** All that are no SQL, in one go, each with its place. */
async function refuseUnreadable(scripts: Pick<Script, 'sql' | 'file'>[]): Promise<void> {
  const errors: OpsError[] = [];
  const findings: Finding[] = [];
  for (const { sql, file } of scripts)
    await parseStatements(sql, file).catch((error) => {
      if (!(error instanceof OpsError)) throw error;
      errors.push(error);
      const { code, message, hint } = error;
      const line = Number(/^:(\d+)/.exec(message.slice(file.length))?.[1] ?? 1);
      findings.push({ level: 'error', code, message, hint, file, line });
    });
  const [first] = errors;
  if (!first) return;
  throw new OpsError({
    code: first.code,
    message: errors.map(({ message }) => message).join(' '),
    hint: 'Nothing else was looked at. Mend it and run it again.',
    findings,
    cause: first,
  });
}

/** What the branch that it goes into uses of the database is what serves when it is deployed. */
async function runningAt(schemaFile: string, commit: string): Promise<Running | undefined> {
  const files = await filesAt(schemaFile, commit);
  return files && (await readUses(commit, files, { defaultSchema: DEFAULT_SCHEMA })).running;
}
