import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMissing } from '../errors.ts';
import { naming } from './environment-name.ts';
import { RUNBOOK_ENVIRONMENTS } from './environments.ts';
import { readWiredSections, sectionsFor, unwiredSectionsFor, type WiredSection } from './known.ts';
import { invalidConfig, type Problem, problemsIn, unknownKey } from './problems.ts';
import { coreSchema, type ResolvedConfig, type VariableKind } from './schema.ts';
import { type AnySection, isRecord, readSection } from './section.ts';

export interface CheckedConfig extends ResolvedConfig {
  /** The file's default export, which sections read. */
  readonly written: Readonly<Record<string, unknown>>;
  /** Every variable that the config names, or a section that it leaves out by itself. */
  readonly named: ReadonlySet<string>;
  /** Those of them that are for what operators alone do. */
  readonly operators: ReadonlySet<string>;
  /** What they hold, as far as a section says so. */
  readonly kinds: ReadonlyMap<string, VariableKind>;
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
  const product = core.data?.product ?? nameOfPackage(dirname(file));
  const isNameless = written.product === undefined && product === undefined;
  const problems = [
    ...(isNameless ? [NAMELESS] : []),
    ...(core.success ? [] : problemsIn(core.error, coreSchema, [])),
    ...strangers(sections),
    ...read.flatMap((one) => one.problems),
  ];
  if (!core.success || product === undefined || problems.length > 0) throw invalidConfig(file, problems);
  const absent = wired.filter(({ key }) => !(key in written));
  return {
    ...core.data,
    product,
    written,
    named: new Set([
      ...namesIn([core.data, read.map(({ value }) => value)]),
      ...absent.flatMap((one) => one.variables),
    ]),
    operators: new Set([
      ...read.flatMap(({ section, value }) => operatorsOf(section, value)),
      ...absent.flatMap((one) => one.operators),
    ]),
    kinds: new Map([
      ...Object.values(core.data.environments).map(({ url }) => [url, 'url'] as const),
      ...absent.flatMap((one) => Object.entries(one.kinds ?? {})),
      ...read.flatMap(({ section, value }) => kindsOf(section, value)),
    ]),
  };
}

const NAMELESS: Problem = {
  path: ['product'],
  message: ' is missing (string): no package.json beside the config names it',
};

/** That of the product itself, where it is a package. */
function nameOfPackage(folder: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8').replace(/^\uFEFF/, '')) as {
      name?: unknown;
    };
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch (cause) {
    // One that is no JSON names nothing.
    if (isMissing(cause) || cause instanceof SyntaxError) return undefined;
    throw cause;
  }
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

export function kindsOf({ kinds }: AnySection, value: unknown): [string, VariableKind][] {
  return value === undefined ? [] : Object.entries(kinds?.(value) ?? {});
}

/** Every text that may be the name of a variable: many keys hold one. */
export function namesIn(value: unknown): string[] {
  if (typeof value === 'string') return /^[A-Z][A-Z0-9_]*$/.test(value) ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(namesIn) : [];
}
