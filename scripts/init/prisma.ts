import { globSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describeSchema } from '@drydock/db/schema';
import { command, hint, usageError } from '@drydock/kit';
import { type Folder, unreadable } from './files.ts';
import type { Manifest } from './manifest.ts';

export interface PrismaFound {
  /** File or folder, relative to the product. */
  schema: string;
  /** What says so: `package.json`, `prisma.config.ts`, or its usual place. */
  seenIn: string;
  migrations: string;
  /** How many there are. */
  migrationCount: number;
  /** Variables of the datasource. */
  url: string | undefined;
  directUrl: string | undefined;
}

/** Where schemas lie if nothing says otherwise. */
const USUAL = ['prisma/schema.prisma', 'schema.prisma', 'prisma/schema', 'prisma'];
const EVERYWHERE = ['**/*.prisma'];
const SKIPPED = new Set(['node_modules', 'dist', 'build', 'coverage', '.git', '.drydock', 'generated']);

/** All that might be meant, the first by what says so. A person, or `--schema`, chooses among several. */
export function schemasIn(folder: Folder, manifest: Manifest): { schema: string; seenIn: string }[] {
  const config = prismaConfig(folder);
  if (config?.schema) return [{ schema: config.schema, seenIn: config.file }];
  if (manifest.schema) return [{ schema: normalize(manifest.schema), seenIn: 'package.json' }];
  const usual = USUAL.find((path) => (path.endsWith('.prisma') ? folder.has(path) : holdsSchema(folder, path)));
  if (usual) return [{ schema: usual, seenIn: 'its usual place' }];
  return elsewhere(folder).map((schema) => ({ schema, seenIn: 'the packages of this repository' }));
}

/** Of the packages of a monorepo: each file with a datasource, or the folder that it shares with others. */
function elsewhere(folder: Folder): string[] {
  const files = globSync(EVERYWHERE, { cwd: folder.root, exclude: (name) => SKIPPED.has(basename(name)) });
  const byFolder = Map.groupBy(files.sort(), (file) => dirname(file));
  return [...byFolder].flatMap(([path, own]) => {
    const [only] = own;
    const isSchema = own.some((file) => /^datasource\s/m.test(folder.text(file) ?? ''));
    if (!isSchema || only === undefined) return [];
    return own.length === 1 ? [only] : [path];
  });
}

function holdsSchema(folder: Folder, path: string): boolean {
  if (!folder.isFolder(path)) return false;
  return (
    globSync('**/*.prisma', { cwd: folder.at(path), exclude: (name) => basename(name) === 'migrations' }).length > 0
  );
}

/** The chosen one, read. What cannot be worked with is refused in one sentence (exit 2). */
export async function readPrisma(
  folder: Folder,
  { schema, seenIn }: { schema: string; seenIn: string },
): Promise<PrismaFound> {
  if (!folder.has(schema))
    throw usageError(
      'SCHEMA_MISSING',
      `${seenIn} says that the Prisma schema is ${schema}, and there is none.`,
      'Say where it is: --schema PATH',
    );
  const described = await describeSchema(folder.at(schema)).catch((cause) => {
    throw unreadable(schema, cause);
  });
  const { provider, problem } = described;
  if (provider !== undefined && provider !== 'postgresql' && provider !== 'postgres')
    throw usageError(
      'NOT_POSTGRESQL',
      `The Prisma schema ${schema} is for ${provider}, and Drydock operates PostgreSQL alone.`,
      'Nothing was written.',
    );
  if (problem !== undefined)
    throw usageError(
      'SCHEMA_BROKEN',
      `Prisma cannot read the schema ${schema}: ${problem.replace(`${folder.root}/`, '')}`,
      'npx prisma validate shows all that is wrong with it.',
    );
  const config = prismaConfig(folder);
  const migrations = migrationsOf(folder, schema, folder.name(described.folder), config?.migrations);
  return {
    schema,
    seenIn,
    migrations,
    migrationCount: countMigrations(folder, migrations),
    url: described.url ?? config?.url,
    directUrl: described.directUrl,
  };
}

/** Prisma's own rule: what prisma.config.ts says, or `migrations` beside the file with the datasource; before 6.6 beside the schema's folder. */
function migrationsOf(folder: Folder, schema: string, datasource: string, configured: string | undefined): string {
  const around = schema.endsWith('.prisma') ? dirname(schema) : schema;
  const places = [
    configured,
    join(datasource, 'migrations'),
    join(around, 'migrations'),
    join(dirname(around), 'migrations'),
  ];
  const named = places.filter((path) => path !== undefined);
  return named.find((path) => countMigrations(folder, path) > 0) ?? named[0] ?? 'prisma/migrations';
}

function countMigrations(folder: Folder, path: string): number {
  return folder.isFolder(path) ? globSync('*/migration.sql', { cwd: folder.at(path) }).length : 0;
}

interface PrismaConfig {
  file: string;
  schema: string | undefined;
  migrations: string | undefined;
  url: string | undefined;
}

/** As text: the file is code, which wants what the product has installed. */
function prismaConfig(folder: Folder): PrismaConfig | undefined {
  const file = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs']
    .flatMap((end) => [`prisma.config.${end}`, `.config/prisma.${end}`])
    .find((one) => folder.has(one));
  const text = file && folder.text(file)?.replaceAll(/^\s*\/\/.*$/gm, '');
  if (!file || !text) return undefined;
  const [, migrations] = /\bmigrations\s*:\s*\{([^}]*)\}/.exec(text) ?? [];
  const [, , url] = /\burl\s*:\s*(env(?:<[^>]*>)?\(\s*['"`]|process\.env\.|process\.env\[['"`])(\w+)/.exec(text) ?? [];
  const inFolder = (path: string | undefined) => path && normalize(join(dirname(file), path));
  return {
    file,
    schema: inFolder(pathIn(text, 'schema')),
    migrations: migrations === undefined ? undefined : inFolder(pathIn(migrations, 'path')),
    url,
  };
}

/** `schema: 'a/b'`, `schema: path.join('a', 'b')`. */
function pathIn(text: string, key: string): string | undefined {
  const [, plain, joined] =
    new RegExp(`\\b${key}\\s*:\\s*(?:['"\`]([^'"\`]+)['"\`]|(?:\\w+\\.)?(?:join|resolve)\\(([^)]*)\\))`).exec(text) ??
    [];
  if (plain) return plain;
  const parts = [...(joined ?? '').matchAll(/['"`]([^'"`]+)['"`]/g)].map(([, part]) => part ?? '');
  return parts.length > 0 ? join(...parts) : undefined;
}

export function noSchema(folder: Folder): Error {
  return usageError(
    'SCHEMA_MISSING',
    `There is no Prisma schema in ${folder.root}, and Drydock operates products with one.`,
    hint`If it lies elsewhere: ${command('init', { schema: 'PATH' })}`,
  );
}
