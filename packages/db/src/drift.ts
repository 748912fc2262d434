import { dirname } from 'node:path';
import { connectPostgres, OpsError, type Secret } from '@drydock/kit';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import { NO_FILTERS } from './engine/history.ts';
import { readSchemaFiles } from './schema/files.ts';
import { blockedLook, LOOK_WAIT_MS } from './sessions/looking.ts';

/**
 * What would have to be run to turn the database into the Prisma schema, by Prisma's own engine; undefined when they
 * are equal.
 */
export async function diffToSchema(url: Secret, schemaFile: string): Promise<string | undefined> {
  const { withEngine } = await import('./engine/load.ts');
  const files = await readSchemaFiles(schemaFile);
  try {
    const diff = (engine: SchemaEngine) =>
      engine.diff({
        from: { tag: 'schemaDatasource', files, configDir: dirname(schemaFile) },
        to: { tag: 'schemaDatamodel', files },
        script: true,
        exitCode: true,
        filters: NO_FILTERS,
      });
    const { stdout, exitCode } = await withEngine(url.reveal(), diff, { lockTimeoutMs: LOOK_WAIT_MS });
    return exitCode === 0 ? undefined : (stdout ?? '').trim();
  } catch (cause) {
    await refuseUnreachable(url);
    const message = (cause as Error).message.split('\n')[0] ?? '';
    if (message.includes('lock timeout')) throw await blockedLook(url, cause);
    throw new OpsError({
      code: 'DRIFT_CHECK_FAILED',
      message: `The database could not be compared with ${schemaFile}: ${message}`,
      hint: 'npx prisma validate shows what is wrong with a schema.',
      cause,
    });
  }
}

/** The engine's own words for it are about its own settings. */
async function refuseUnreachable(url: Secret): Promise<void> {
  const client = await connectPostgres(url, 'drydock db:drift');
  await client.end();
}
