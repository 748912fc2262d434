// The door for `npm run wire`, which writes down and documents what the packages' sections say.
export { namesIn, operatorsOf } from './check.ts';
export { loadSections, SECTIONS_FILE, sectionFiles, type WiredSection } from './known.ts';
export { coreSchema } from './schema.ts';
export { type AnySection, readSection } from './section.ts';
