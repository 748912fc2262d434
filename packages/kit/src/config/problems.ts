import type { z } from 'zod';
import { closest } from '../closest.ts';
import { type OpsError, usageError } from '../errors.ts';

/** What is wrong with a config, and where. */
export interface Problem {
  path: PropertyKey[];
  /** Completes the path: ` is not a known key`, `: must be …`. */
  message: string;
}

/** All of them in one refusal (exit 2), each by its path. */
export function invalidConfig(file: string, problems: Problem[]): OpsError {
  const told = problems.map(({ path, message }) => `${path.map(String).join('.') || '(the whole config)'}${message}`);
  return usageError(
    'CONFIG_INVALID',
    // A key that two packages have a part of is checked by both.
    `${file} is wrong: ${[...new Set(told)].join('; ')}.`,
    'Mend the keys named above; docs/CONFIG.md and the types of defineConfig show what each may be.',
  );
}

export function unknownKey(path: PropertyKey[], known: readonly string[]): Problem {
  const meant = closest(String(path.at(-1)), known);
  return { path, message: ` is not a known key${meant ? ` (did you mean ${meant}?)` : ''}` };
}

/** zod's issues in the operator's terms. `schema` is what was checked, `base` where that stands in the config. */
export function problemsIn({ issues }: z.core.$ZodError, schema: z.core.$ZodType, base: PropertyKey[]): Problem[] {
  return issues.flatMap((issue) => problemsOf(issue, schema, base, []));
}

function problemsOf(
  issue: z.core.$ZodIssue,
  schema: z.core.$ZodType,
  base: PropertyKey[],
  inner: PropertyKey[],
): Problem[] {
  const path = [...inner, ...issue.path];
  const whole = [...base, ...path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey([...whole, key], keysAt(schema, path)));
  if (issue.code === 'invalid_key') return [{ path: whole, message: `: ${issue.issues[0]?.message ?? issue.message}` }];
  if (issue.code === 'invalid_union') {
    // Of the alternatives, the one that was nearly met.
    const [nearest] = issue.errors.filter(({ length }) => length > 0).toSorted((a, b) => a.length - b.length);
    if (nearest) return nearest.flatMap((one) => problemsOf(one, schema, base, path));
  }
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return [{ path: whole, message: ` is missing (${issue.expected})` }];
  return [{ path: whole, message: `: ${issue.message}` }];
}

/** The keys that an object may have at a path of the schema. */
function keysAt(schema: z.core.$ZodType, [next, ...rest]: PropertyKey[]): string[] {
  const { def } = schema._zod as unknown as { def: Record<string, unknown> & { type: string } };
  const into = (inner: unknown, path: PropertyKey[]) => keysAt(inner as z.core.$ZodType, path);
  const all = next === undefined ? [] : [next, ...rest];
  if (def.innerType ?? def.in) return into(def.innerType ?? def.in, all);
  if (def.type === 'union') return (def.options as unknown[]).flatMap((option) => into(option, all));
  if (def.type === 'object') {
    const shape = def.shape as Record<string, unknown>;
    if (next === undefined) return Object.keys(shape);
    return shape[String(next)] ? into(shape[String(next)], rest) : [];
  }
  if (next !== undefined && def.type === 'array') return into(def.element, rest);
  if (next !== undefined && def.type === 'record') return into(def.valueType, rest);
  return [];
}
