import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { unserved, usageError } from '@drydock/kit';
import { schemaMissing } from '../places.ts';
import type { Target } from '../target.ts';
import { blocksOf } from './blocks.ts';
import { readSchemaFiles } from './files.ts';

/** A schema that is not there, is of two databases, or of one that we do not serve (exit 2): before anything is begun. */
export async function refuseUnfitSchema({ schemaFile, root }: Pick<Target, 'schemaFile' | 'root'>): Promise<void> {
  if (!existsSync(schemaFile)) throw schemaMissing(schemaFile, root);
  const sources = (await readSchemaFiles(schemaFile)).flatMap(({ path, content }) =>
    blocksOf(content)
      .filter(({ keyword }) => keyword === 'datasource')
      .map(({ properties }) => ({ path, provider: properties.find(({ name }) => name === 'provider')?.strings[0] })),
  );
  for (const { path, provider } of sources) {
    const other = provider && unserved(provider, `The datasource of ${relative(root, path)}`);
    if (other) throw other;
  }
  if (sources.length > 1)
    throw usageError(
      'SCHEMA_SEVERAL',
      `${schemaFile} holds ${sources.length} datasources: ${sources.map(({ path }) => relative(root, path)).join(', ')}.`,
      'Set database.schema to one of them in drydock.config.ts; one config serves one database, and for another there is another, by --config.',
    );
}
