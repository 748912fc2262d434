import { naming } from './environment-name.ts';
import { RUNBOOK_ENVIRONMENTS } from './environments.ts';
import { readWiredSections, sectionsFor, unwiredSectionsFor, type WiredSection } from './known.ts';
import { invalidConfig, type Problem, problemsIn, unknownKey } from './problems.ts';
import { coreSchema, type ResolvedConfig } from './schema.ts';
import { type AnySection, isRecord, readSection } from './section.ts';

export interface CheckedConfig extends ResolvedConfig {
  /** The file's default export, which sections read. */
  readonly written: Readonly<Record<string, unknown>>;
  /** Every variable that the config names, or a section that it leaves out by itself. */
  readonly named: ReadonlySet<string>;
  /** Those of them that are for what operators alone do. */
  readonly operators: ReadonlySet<string>;
}

/** The whole of what is written, section by section; every bad, missing and unknown key is told at once (exit 2). */
export async function checkConfig(written: unknown, file: string): Promise<CheckedConfig> {
  if (!isRecord(written)) throw invalidConfig(file, [{ path: [], message: ' must be an object' }]);
  const isCore = (key: string) => key in coreSchema.shape;
  const wired = readWiredSections();
  const keys = Object.keys(written).filter((key) => !isCore(key));
  const strangers = (among: readonly AnySection[]) =>
    keys.flatMap((key) => strangersIn(key, written[key], among, wired));
  let sections = await sectionsFor(keys, wired);
  if (strangers(sections).length > 0) sections = await unwiredSectionsFor(keys);
  const environments = isRecord(written.environments) ? Object.keys(written.environments) : RUNBOOK_ENVIRONMENTS;
  const own = Object.fromEntries(Object.entries(written).filter(([key]) => isCore(key)));
  const core = naming(environments, () => coreSchema.safeParse(own));
  const read = sections.map((section) => ({ section, ...readSection(section, written, environments) }));
  const problems = [
    ...(core.success ? [] : problemsIn(core.error, coreSchema, [])),
    ...strangers(sections),
    ...read.flatMap((one) => one.problems),
  ];
  if (!core.success || problems.length > 0) throw invalidConfig(file, problems);
  const absent = wired.filter(({ key }) => !(key in written));
  return {
    ...core.data,
    written,
    named: new Set([
      ...namesIn([core.data, read.map(({ value }) => value)]),
      ...absent.flatMap((one) => one.variables),
    ]),
    operators: new Set([
      ...read.flatMap(({ section, value }) => operatorsOf(section, value)),
      ...absent.flatMap((one) => one.operators),
    ]),
  };
}

/** Keys that are no package's: the section itself, or one in it. */
function strangersIn(key: string, value: unknown, sections: readonly AnySection[], wired: WiredSection[]): Problem[] {
  const parts = sections.filter((section) => section.key === key);
  if (parts.length === 0)
    return [unknownKey([key], [...Object.keys(coreSchema.shape), ...wired.map((one) => one.key)])];
  const known = parts.flatMap(({ schema }) => Object.keys(schema.shape));
  return Object.keys(isRecord(value) ? value : {})
    .filter((name) => !known.includes(name))
    .map((name) => unknownKey([key, name], known));
}

export function operatorsOf({ operators }: AnySection, value: unknown): string[] {
  return value === undefined ? [] : (operators?.(value) ?? []);
}

/** Every text that may be the name of a variable: many keys hold one. */
export function namesIn(value: unknown): string[] {
  if (typeof value === 'string') return /^[A-Z][A-Z0-9_]*$/.test(value) ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(namesIn) : [];
}
