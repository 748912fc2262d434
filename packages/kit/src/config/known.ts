import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TOOLKIT } from '../toolkit.ts';
import type { VariableKind } from './schema.ts';
import { type AnySection, definedSections, isSection } from './section.ts';

/** A section as `npm run wire` writes it down: enough to know its key without loading its code. */
export interface WiredSection {
  key: string;
  /** Relative to the toolkit. */
  file: string;
  /** Variables that it names where the config says nothing, and those of them that are the operator's. */
  variables: string[];
  operators: string[];
  /** What they hold, as far as the section says so. */
  kinds?: Record<string, VariableKind>;
}

export const SECTIONS_FILE = 'sections.json';

export function readWiredSections(): WiredSection[] {
  const file = join(TOOLKIT, SECTIONS_FILE);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as WiredSection[]) : [];
}

/** Files of the toolkit's packages that define a section: src/config.ts, or one in src/config/. */
export function sectionFiles(toolkit: string): string[] {
  return globSync(['packages/*/src/config.ts', 'packages/*/src/config/**/*.ts'], { cwd: toolkit })
    .filter((file) => /= defineSection\(\{$/m.test(readFileSync(join(toolkit, file), 'utf8')))
    .sort();
}

/** The sections of a file. */
export async function loadSections(toolkit: string, file: string): Promise<AnySection[]> {
  const module = (await import(pathToFileURL(join(toolkit, file)).href)) as Record<string, unknown>;
  return Object.values(module).filter(isSection);
}

/** The sections of these keys of a config, as far as they are wired or loaded. Of all others nothing is loaded. */
export async function sectionsFor(keys: readonly string[], wired: WiredSection[]): Promise<readonly AnySection[]> {
  const files = wired.filter(({ key }) => keys.includes(key)).map(({ file }) => file);
  return loadAll(files, keys);
}

/** The same from the packages themselves, so that a config may be written before `npm run wire`. */
export async function unwiredSectionsFor(keys: readonly string[]): Promise<readonly AnySection[]> {
  return loadAll(sectionFiles(TOOLKIT), keys);
}

async function loadAll(files: string[], keys: readonly string[]): Promise<readonly AnySection[]> {
  await Promise.all(files.map((file) => loadSections(TOOLKIT, file)));
  return definedSections().filter(({ key }) => keys.includes(key));
}
