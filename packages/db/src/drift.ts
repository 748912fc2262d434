import { readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OpsError, type Secret } from '@drydock/kit';

/**
 * What would have to be run to turn the database into the Prisma schema, by Prisma's own engine; undefined when they
 * are equal.
 */
export async function diffToSchema(url: Secret, schemaFile: string): Promise<string | undefined> {
  const { withEngine } = await import('./engine/load.ts');
  const files = await readSchema(schemaFile);
  const filters = { externalTables: [], externalEnums: [] };
  try {
    const { stdout, exitCode } = await withEngine(url.reveal(), (engine) =>
      engine.diff({
        from: { tag: 'schemaDatasource', files, configDir: dirname(schemaFile) },
        to: { tag: 'schemaDatamodel', files },
        script: true,
        exitCode: true,
        filters,
      }),
    );
    return exitCode === 0 ? undefined : (stdout ?? '').trim();
  } catch (cause) {
    const message = (cause as Error).message.split('\n')[0] ?? '';
    throw new OpsError({
      code: 'DRIFT_CHECK_FAILED',
      message: `The database could not be compared with ${schemaFile}: ${message}`,
      hint: 'npx prisma validate shows what is wrong with a schema.',
      cause,
    });
  }
}

async function readSchema(path: string): Promise<{ path: string; content: string }[]> {
  const files = statSync(path).isDirectory()
    ? (await readdir(path, { recursive: true }))
        .filter((name) => name.endsWith('.prisma'))
        .map((name) => join(path, name))
    : [path];
  return files.map((file) => ({ path: file, content: readFileSync(file, 'utf8') }));
}
