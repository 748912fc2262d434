import type { z } from 'zod';
import { type JsonSchema, jsonSchemaOf } from '../json-schema.ts';

/** A key of a section, as docs/CONFIG.md has it. */
export interface Key {
  /** From the section's key on: `retention.days`, `stores[].path`, `key.NAME.kind`. */
  path: string;
  type: string;
  /** What it is where nothing is said: a value or, `inWords`, what that follows from; `required` where something must be. */
  fallback: string;
  inWords: boolean;
  about: string;
  example: string;
}

/** Every key of a schema, in its order, with those of the objects in it. */
export function keysOf(schema: z.ZodType, example: unknown): Key[] {
  return inObject(jsonSchemaOf(schema), '', [example]);
}

/** `examples`: every value that stands at this place in the section's example. */
function inObject(json: JsonSchema, path: string, examples: unknown[]): Key[] {
  return Object.entries(json.properties ?? {}).flatMap(([name, own]) => {
    const here = path ? `${path}.${name}` : name;
    const given = examples.flatMap((one) => (isObject(one) && name in one ? [one[name]] : []));
    const inner = below(own, here, [...given, own.default]);
    const required = json.required?.includes(name) === true;
    const key: Key = {
      path: here,
      type: typeOf(own),
      ...fallbackOf(own, required, inner.length > 0),
      about: own.description ?? '',
      // That of an object is told key by key.
      example: inner.length > 0 ? '' : shown(given.find(isThere) ?? own.examples?.[0] ?? own.default ?? choiceOf(own)),
    };
    return [key, ...inner];
  });
}

function below(json: JsonSchema, path: string, examples: unknown[]): Key[] {
  if (json.properties) return inObject(json, path, examples);
  if (json.items)
    return below(
      json.items,
      `${path}[]`,
      examples.flatMap((one) => (Array.isArray(one) ? one : [])),
    );
  if (isObject(json.additionalProperties))
    return below(
      json.additionalProperties,
      `${path}.NAME`,
      examples.flatMap((one) => (isObject(one) ? Object.values(one) : [])),
    );
  const objects = optionsOf(json).filter(({ properties }) => properties);
  return unique(
    objects.flatMap((option) =>
      inObject(
        option,
        path,
        examples.filter((one) => fits(option, one)),
      ),
    ),
  );
}

/** Alternatives share keys: one row for each that says the same. */
function unique(keys: Key[]): Key[] {
  const rows = new Map<string, Key>();
  for (const key of keys) {
    const before = rows.get(key.path);
    if (!before) rows.set(key.path, key);
    else if (before.type !== key.type) rows.set(key.path, { ...before, type: `${before.type} | ${key.type}` });
  }
  return [...rows.values()];
}

function fits({ properties = {} }: JsonSchema, value: unknown): boolean {
  if (!isObject(value)) return false;
  return Object.entries(properties).every(([name, { const: only }]) => only === undefined || value[name] === only);
}

function typeOf(json: JsonSchema): string {
  if (json.const !== undefined) return shown(json.const);
  if (json.enum) return json.enum.map(shown).join(' | ');
  const options = optionsOf(json);
  if (options.length > 0) return [...new Set(options.map(typeOf))].join(' | ');
  if (json.type === 'array')
    return `${json.items ? typeOf(json.items) : 'any'}[]`.replace(/^(.* \| .*)\[\]$/, '($1)[]');
  if (json.type === 'object' && isObject(json.additionalProperties) && !json.properties) {
    const of = typeOf(json.additionalProperties);
    return `NAME → ${of}`;
  }
  return Array.isArray(json.type) ? json.type.join(' | ') : (json.type ?? 'any');
}

function fallbackOf(json: JsonSchema, required: boolean, hasKeys: boolean): Pick<Key, 'fallback' | 'inWords'> {
  if (json.byItself) return { fallback: json.byItself, inWords: true };
  // That of its keys.
  if (hasKeys && isObject(json.default) && Object.keys(json.default).length === 0)
    return { fallback: '', inWords: true };
  if (json.default !== undefined) return { fallback: shown(json.default), inWords: false };
  return { fallback: required ? 'required' : 'none', inWords: true };
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function choiceOf(json: JsonSchema): unknown {
  return json.const ?? json.enum?.[0];
}

function optionsOf({ anyOf, oneOf }: JsonSchema): JsonSchema[] {
  return anyOf ?? oneOf ?? [];
}

function isObject(value: unknown): value is Record<string, unknown> & JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As it is written in the config. */
export function shown(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value.includes("'") ? JSON.stringify(value) : `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (isObject(value)) {
    const entries = Object.entries(value).map(
      ([name, one]) => `${/^\w+$/.test(name) ? name : `'${name}'`}: ${shown(one)}`,
    );
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }
  return typeof value === 'number' && value >= 1_000 ? value.toLocaleString('en').replaceAll(',', '_') : String(value);
}
