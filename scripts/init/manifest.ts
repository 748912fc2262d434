import { usageError } from '@drydock/kit';
import type { Folder } from './files.ts';

/** As much of a package.json as tells what a product is. */
export interface Manifest {
  text: string;
  name: string | undefined;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  /** `prisma.schema`, as Prisma before 7 read it. */
  schema: string | undefined;
  main: string | undefined;
}

export function readManifest(folder: Folder): Manifest {
  const text = folder.text('package.json');
  if (text === undefined)
    throw usageError(
      'PACKAGE_MISSING',
      `There is no package.json in ${folder.root}.`,
      'Run it in the folder of a product, or name that folder: --config ../shop',
    );
  const json = parsed(folder, text);
  return {
    text,
    name: textOf(json.name),
    scripts: textsOf(json.scripts),
    dependencies: { ...textsOf(json.devDependencies), ...textsOf(json.dependencies) },
    schema: isRecord(json.prisma) ? textOf(json.prisma.schema) : undefined,
    main: textOf(json.main),
  };
}

function parsed(folder: Folder, text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    if (isRecord(json)) return json;
    throw new Error('it is no object');
  } catch (cause) {
    throw usageError(
      'PACKAGE_BROKEN',
      `${folder.at('package.json')} is no JSON: ${(cause as Error).message}.`,
      'Mend it, then run it again.',
    );
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const textOf = (value: unknown) => (typeof value === 'string' && value.trim() !== '' ? value : undefined);

function textsOf(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (typeof one === 'string' ? [[key, one]] : [])),
  );
}
