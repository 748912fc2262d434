import type { z } from 'zod';
import { naming } from './environment-name.ts';
import { invalidConfig, type Problem, problemsIn } from './problems.ts';
import type { VariableKind } from './variable.ts';

/** A config file as it was written, which is what sections read. */
export interface WrittenConfig {
  readonly file: string;
  readonly written: Readonly<Record<string, unknown>>;
  readonly environments: Readonly<Record<string, unknown>>;
}

interface Spec<K extends string, S extends z.ZodObject> {
  /** Of the config. Two packages may have parts of one key: each reads its own keys of it. */
  key: K;
  /** One or two sentences for docs/CONFIG.md. */
  about: string;
  /** Every key with `.describe(…)`: docs/CONFIG.md is printed from it. */
  schema: S;
  /** Real values, for docs/CONFIG.md: at least of the keys that have no default. */
  example: z.input<S>;
  /** The variables that it names for what operators alone do: no process of the product gets them. */
  operators?(value: z.output<S>): string[];
  /** The variables that it names and what they hold, which is so whether or not the config declares them. */
  kinds?(value: z.output<S>): Record<string, VariableKind>;
}

/** A section of drydock.config.ts, beside the code that reads it. */
export interface Section<K extends string = string, S extends z.ZodObject = z.ZodObject, T = unknown>
  extends Spec<K, S> {
  /** Undefined where the config has no such key; other sections then have their defaults. */
  optional: boolean;
  /** The checked section, with defaults. CONFIG_INVALID (exit 2) tells of all bad and missing keys at once. */
  of(config: WrittenConfig): T;
}
// biome-ignore lint/suspicious/noExplicitAny: the loader treats sections of every shape alike.
export type AnySection = Section<string, any, any>;

/** What a product may write under the section's key. */
export type SectionInput<T> = T extends Section<string, infer S> ? z.input<S> : never;
export type SectionOutput<T> = T extends Section<string, z.ZodObject, infer O> ? NonNullable<O> : never;

const defined: AnySection[] = [];

/** Every section whose file is loaded. */
export function definedSections(): readonly AnySection[] {
  return defined;
}

export function defineSection<const K extends string, S extends z.ZodObject>(
  spec: Spec<K, S> & { optional: true },
): Section<K, S, z.output<S> | undefined>;
export function defineSection<const K extends string, S extends z.ZodObject>(
  spec: Spec<K, S>,
): Section<K, S, z.output<S>>;
export function defineSection(spec: Spec<string, z.ZodObject> & { optional?: true }): AnySection {
  const read = new WeakMap<WrittenConfig['written'], unknown>();
  const section: AnySection = {
    ...spec,
    optional: spec.optional === true,
    of(config) {
      if (read.has(config.written)) return read.get(config.written);
      const { value, problems } = readSection(section, config.written, Object.keys(config.environments));
      if (problems.length > 0) throw invalidConfig(config.file, problems);
      read.set(config.written, value);
      return value;
    },
  };
  defined.push(section);
  return section;
}

/** A section's own keys of what is written under its key, checked. Keys that are nobody's are not its concern. */
export function readSection(
  { key, schema, optional }: AnySection,
  written: WrittenConfig['written'],
  environments: readonly string[],
): { value?: unknown; problems: Problem[] } {
  const whole = written[key];
  if (whole === undefined && optional) return { value: undefined, problems: [] };
  if (!isRecord(whole ?? {})) return { problems: [{ path: [key], message: ': must be an object' }] };
  const own = Object.entries(whole ?? {}).filter(([name]) => name in schema.shape);
  const result = naming(environments, () => schema.safeParse(Object.fromEntries(own)));
  if (result.success) return { value: result.data, problems: [] };
  return { problems: problemsIn(result.error, schema, [key]) };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isSection(value: unknown): value is AnySection {
  return defined.includes(value as AnySection);
}
