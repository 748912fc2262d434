import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readSchemaFiles } from './files.ts';

/** What a Prisma schema says of itself, for whoever has yet to be told where it leads. */
export interface SchemaDescription {
  /** `postgresql`; undefined where it has no datasource. */
  provider: string | undefined;
  /** Folder of the file with the datasource: Prisma looks for the migrations beside it. */
  folder: string;
  /** Variables of the datasource, where it names them, as it did before Prisma 7. */
  url: string | undefined;
  directUrl: string | undefined;
  /** Why Prisma cannot read it: its first sentence, with file and line. */
  problem: string | undefined;
}

/** Read by Prisma's own parser; nothing is connected to. Throws what the file system says. */
export async function describeSchema(path: string): Promise<SchemaDescription> {
  const files = await readSchemaFiles(path);
  const { default: wasm } = await import('@prisma/prisma-schema-wasm');
  const prismaSchema = files.map((file) => [file.path, file.content]);
  const datasource = files
    .map((file) => ({ file: file.path, text: readFileSync(file.path, 'utf8') }))
    .find(({ text }) => DATASOURCE.test(text));
  const block = datasource && DATASOURCE.exec(datasource.text)?.[0];
  return {
    provider: block && /^\s*provider\s*=\s*\[?\s*"(\w+)"/m.exec(block)?.[1],
    folder: dirname(datasource?.file ?? files[0]?.path ?? path),
    url: block && variableOf(block, 'url'),
    directUrl: block && variableOf(block, 'directUrl'),
    problem: problemOf(() => wasm.validate(JSON.stringify({ prismaSchema, noColor: true }))),
  };
}

const DATASOURCE = /^datasource\s+\w+\s*\{[^}]*\}/m;

function variableOf(block: string, key: string): string | undefined {
  return new RegExp(`^\\s*${key}\\s*=\\s*env\\(\\s*"([^"]+)"`, 'm').exec(block)?.[1];
}

/** The parser throws JSON with all that is wrong, each with the place under it. */
function problemOf(validate: () => unknown): string | undefined {
  try {
    validate();
    return undefined;
  } catch (error) {
    const [, sentence = '', place = ''] =
      /error: (.+)\n(?:.*\n)??\s*-->\s+(\S.*)\n/.exec(messageOf(error as Error)) ?? [];
    return sentence ? `${place}: ${sentence}` : (messageOf(error as Error).split('\n')[0] ?? '');
  }
}

function messageOf({ message }: Error): string {
  try {
    return (JSON.parse(message) as { message?: string }).message ?? message;
  } catch {
    return message;
  }
}
