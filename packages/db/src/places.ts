import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type LoadedConfig, usageError } from '@drydock/kit';

export interface Places {
  schema: string;
  migrations: string;
}

/** Prisma's own order, behind what its settings say. */
const SCHEMAS = ['prisma/schema.prisma', 'schema.prisma', 'prisma/schema', 'prisma'];
const SETTINGS = [
  'prisma.config.ts',
  'prisma.config.mts',
  'prisma.config.js',
  'prisma.config.mjs',
  '.config/prisma.ts',
];

/**
 * Where a product has its schema and its migrations: what the config says, or else what Prisma would find from its folder. Nothing of the
 * product's is run for that: of a prisma.config.ts, texts and path.join of texts are read.
 */
export function locate(root: string, given: { schema: string | undefined; migrations: string | undefined }): Places {
  const said = given.schema && given.migrations ? {} : readSettings(root);
  const schema = given.schema ?? said.schema ?? SCHEMAS.map((path) => join(root, path)).find(isSchema);
  const file = schema ?? join(root, 'prisma/schema.prisma');
  return { schema: file, migrations: given.migrations ?? said.migrations ?? besides(file) };
}

/** What is written counts; a default stands for "where Prisma finds it". */
export function placesOf(config: Pick<LoadedConfig, 'root' | 'written' | 'path'>): Places {
  const written = (config.written.database ?? {}) as { schema?: string; migrations?: string };
  const at = (path: string | undefined) => (path === undefined ? undefined : config.path(path));
  return locate(config.root, { schema: at(written.schema), migrations: at(written.migrations) });
}

/** A folder of migrations is beside the schema: beside its file, in its folder, or beside that. */
function besides(schema: string): string {
  const beside = join(dirname(schema), 'migrations');
  return [beside, join(schema, 'migrations')].find((path) => existsSync(path)) ?? beside;
}

function readSettings(root: string): { schema?: string; migrations?: string } {
  const file = SETTINGS.map((name) => join(root, name)).find((path) => existsSync(path));
  if (file) {
    const text = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|(^|\s)\/\/[^\n]*/g, '$1');
    const [schema, migrations] = [
      pathIn(text, /\bschema\s*:\s*/),
      pathIn(text, /\bmigrations\s*:\s*\{[^}]*?\bpath\s*:\s*/),
    ];
    return {
      ...(schema ? { schema: join(root, schema) } : {}),
      ...(migrations ? { migrations: join(root, migrations) } : {}),
    };
  }
  const prisma = settingsIn(join(root, 'package.json'));
  return prisma?.schema ? { schema: join(root, prisma.schema) } : {};
}

/** `prisma` of a package.json. One that is no JSON says nothing: the product has other troubles. */
function settingsIn(manifest: string): { schema?: string } | undefined {
  if (!existsSync(manifest)) return undefined;
  try {
    const text = readFileSync(manifest, 'utf8').replace(/^\uFEFF/, '');
    return (JSON.parse(text) as { prisma?: { schema?: string } }).prisma;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

/** `'prisma/schema'`, `"./prisma"`, or `path.join('prisma', 'schema')`, behind what announces it. */
function pathIn(text: string, announced: RegExp): string | undefined {
  const value = new RegExp(
    `${announced.source}(?:(['"\`])([^'"\`$]+)\\1|(?:path\\.)?(?:join|resolve)\\(([^)]*)\\))`,
  ).exec(text);
  if (!value) return undefined;
  const [, , plain, joined] = value;
  if (plain !== undefined) return plain;
  const parts = (joined ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  // What is no text is where the file is: __dirname, import.meta.dirname, process.cwd().
  return parts.flatMap((part) => /^(['"`])(.*)\1$/.exec(part)?.[2] ?? []).join('/') || undefined;
}

function isSchema(path: string): boolean {
  if (!existsSync(path)) return false;
  return statSync(path).isFile() || readdirSync(path).some((name) => name.endsWith('.prisma'));
}

/** With the schemas that are somewhere below: one of them may be meant. */
export function schemaMissing(schema: string, root: string): Error {
  const found = candidates(root).map((path) => relative(root, path));
  const several =
    found.length > 1 ? '; one config serves one database, and for another there is another, by --config' : '';
  return usageError(
    'SCHEMA_MISSING',
    `There is no Prisma schema at ${schema}${found.length > 0 ? `; below ${root} there ${found.length === 1 ? 'is' : 'are'} ${found.slice(0, 5).join(', ')}` : ''}.`,
    `Set database.schema (and database.migrations, if they are not beside it) in drydock.config.ts${several}.`,
  );
}

const SKIPPED = /^(node_modules|\..*|dist|build|out|coverage)$/;
const DEEPEST = 6;

/** Files and folders with a datasource. */
function candidates(folder: string, depth = 0): string[] {
  if (depth > DEEPEST) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.test(entry.name) ? [] : candidates(path, depth + 1);
    return entry.name.endsWith('.prisma') && /^\s*datasource\s/m.test(readFileSync(path, 'utf8')) ? [path] : [];
  });
}
