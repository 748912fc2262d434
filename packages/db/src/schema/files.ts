import { readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

export type SchemaFile = { path: string; content: string };

/** A Prisma schema: one file, or all of a folder. */
export async function readSchemaFiles(path: string): Promise<SchemaFile[]> {
  const files = statSync(path).isDirectory()
    ? (await readdir(path, { recursive: true }))
        .filter((name) => name.endsWith('.prisma'))
        .map((name) => join(path, name))
    : [path];
  return files.map((file) => ({ path: file, content: withoutConnection(readFileSync(file, 'utf8')) }));
}

/** Before Prisma 7 a schema held its connection, which the engine of 7 refuses to read; ours is told it by the config. */
export function withoutConnection(schema: string): string {
  return schema.replaceAll(/^datasource\s+\w+\s*\{[^}]*\}/gm, (block) =>
    block.replaceAll(/^[ \t]*(url|directUrl|shadowDatabaseUrl)[ \t]*=.*$/gm, ''),
  );
}
