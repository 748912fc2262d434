import { readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Block, blocksOf, type Property } from './blocks.ts';

export type SchemaFile = { path: string; content: string };

/** A Prisma schema, of Prisma 4 or later, as the engine of Prisma 7 reads it: one file, or all of a folder. */
export async function readSchemaFiles(path: string): Promise<SchemaFile[]> {
  const folder = statSync(path).isDirectory();
  const files = folder
    ? (await readdir(path, { recursive: true }))
        .filter((name) => name.endsWith('.prisma') && !/(^|[\\/])node_modules[\\/]/.test(name))
        .sort()
        .map((name) => join(path, name))
    : [path];
  return readableFiles(files.map((file) => ({ path: file, content: readFileSync(file, 'utf8') })));
}

/** What decides what a schema may say, of all that generators ask for. */
const DECIDES = ['views', 'partialIndexes'];
/** What decides what the database is, of all that a datasource says: its address is the config's to tell, its extensions the migrations'. */
const KEPT = new Set(['provider', 'schemas', 'relationMode', 'referentialIntegrity']);

/**
 * The same files without what the engine refuses and nobody asks it: how the product connects, and what is generated (by generators that are not
 * installed, with preview features that are no more). Every line stays where it is.
 */
export function readableFiles(files: SchemaFile[]): SchemaFile[] {
  const texts = files.map(({ path, content }) => ({ path, content: content.replace(/^\uFEFF/, '') }));
  const features = texts.flatMap(({ content }) => blocksOf(content).flatMap(featuresOf));
  const wanted = DECIDES.filter((feature) => features.includes(feature));
  const cleaned = texts.map(({ path, content }) => ({ path, content: withoutTheRest(content) }));
  if (wanted.length === 0) return cleaned;
  const generator = `generator drydock {\n  provider = "prisma-client-js"\n  previewFeatures = ${JSON.stringify(wanted)}\n}\n`;
  return [...cleaned, { path: join(dirname(texts[0]?.path ?? ''), 'drydock-preview.prisma'), content: generator }];
}

function featuresOf({ keyword, properties }: Block): string[] {
  if (keyword !== 'generator') return [];
  return properties.flatMap(({ name, strings }) => (/^(preview|experimental)Features$/.test(name) ? strings : []));
}

function withoutTheRest(content: string): string {
  let text = content;
  // From the end, so that what comes before keeps its place.
  for (const { keyword, start, end, properties } of blocksOf(content).toReversed()) {
    if (keyword === 'generator') text = replaced(text, start, end, '');
    if (keyword !== 'datasource') continue;
    for (const property of properties.toReversed())
      text = replaced(text, property.start, property.end, keptOf(property));
  }
  return text;
}

/** On one line: not every version takes a list on several. */
function keptOf({ name, strings, fromVariable }: Property): string {
  // By a variable, or one of several, as Prisma had it once.
  if (name === 'provider' && (fromVariable || strings.length !== 1)) return 'provider = "postgresql"';
  if (name === 'schemas') return `schemas = ${JSON.stringify(strings)}`;
  return KEPT.has(name) ? `${name} = ${JSON.stringify(strings[0] ?? '')}` : '';
}

/** Blanks and line ends stay. */
function replaced(text: string, start: number, end: number, by: string): string {
  return `${text.slice(0, start)}${by}${text.slice(start, end).replaceAll(/[^\s]/g, ' ')}${text.slice(end)}`;
}
