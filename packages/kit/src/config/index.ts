// The door for the `drydock` command, which completes environments, writes the packages' sections down and documents them.
export { kindsOf, namesIn, operatorsOf } from './check.ts';
export { RUNBOOK_ENVIRONMENTS } from './environments.ts';
export { loadSections, SECTIONS_FILE, sectionFiles, type WiredSection } from './known.ts';
export { loadConfig } from './load.ts';
export { coreExample, coreSchema } from './schema.ts';
export { type AnySection, readSection } from './section.ts';
