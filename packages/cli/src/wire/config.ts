import {
  type AnySection,
  kindsOf,
  loadSections,
  namesIn,
  operatorsOf,
  readSection,
  SECTIONS_FILE,
  sectionFiles,
  type WiredSection,
} from '@drydock/kit/config';
import { configPage } from './config-docs.ts';
import type { List } from './lists.ts';

/** A section of the config, and the file that defines it. */
interface DefinedSection {
  file: string;
  section: AnySection;
}

/** What is written from the packages' sections of drydock.config.ts. */
export async function configLists(toolkit: string): Promise<List[]> {
  const defined = await readSections(toolkit);
  return [
    { file: SECTIONS_FILE, content: `${JSON.stringify(defined.map(wiredOf), null, 2)}\n` },
    { file: 'docs/CONFIG.md', content: configPage(defined) },
  ];
}

export async function readSections(toolkit: string): Promise<DefinedSection[]> {
  const all = await Promise.all(
    sectionFiles(toolkit).map(async (file) =>
      (await loadSections(toolkit, file)).map((section): DefinedSection => ({ file, section })),
    ),
  );
  return all.flat().sort((a, b) => (a.section.key < b.section.key ? -1 : 1));
}

export function wiredOf({ file, section }: DefinedSection): WiredSection {
  const { value } = readSection(section, {}, []);
  const operators = [...new Set(operatorsOf(section, value))];
  const kinds = Object.fromEntries(kindsOf(section, value));
  return { key: section.key, file, variables: [...new Set(namesIn(value))], operators, kinds };
}
