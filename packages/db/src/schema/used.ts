import type { SchemaFile } from './files.ts';

interface Dmmf {
  datamodel: {
    models: {
      name: string;
      dbName: string | null;
      schema?: string | null;
      fields: Field[];
      primaryKey?: Key | null;
      uniqueFields?: string[][];
    }[];
    enums: { name: string; dbName: string | null; values: { name: string; dbName: string | null }[] }[];
  };
}
interface Key {
  fields: string[];
}
interface Field {
  isId?: boolean;
  isUnique?: boolean;
  name: string;
  dbName?: string | null;
  kind: string;
}

/** Tells whether a version uses something of the inventory: `column public.Job.title`. */
export type Uses = (key: string) => boolean;

/**
 * What a Prisma client generated from these files names in its queries: every column of every model but those marked
 * `@ignore`, which Prisma's own reading of the schema leaves out.
 */
export async function usesOf(files: SchemaFile[], defaultSchema: string): Promise<Uses> {
  const { default: wasm } = await import('@prisma/prisma-schema-wasm');
  const prismaSchema = files.map(({ path, content }) => [path, content]);
  const { datamodel } = JSON.parse(wasm.get_dmmf(JSON.stringify({ prismaSchema, noColor: true }))) as Dmmf;
  const used = new Set<string>();
  const values = new Set<string>();
  for (const { name, dbName, schema, fields, primaryKey, uniqueFields = [] } of datamodel.models) {
    const table = `${schema ?? defaultSchema}.${dbName ?? name}`;
    used.add(table);
    for (const field of fields.filter(({ kind }) => kind !== 'object'))
      used.add(`${table}.${field.dbName ?? field.name}`);
    const single = fields.filter(({ isId, isUnique }) => isId || isUnique).map((field) => [field.name]);
    for (const key of [...single, ...(primaryKey ? [primaryKey.fields] : []), ...uniqueFields]) {
      const columns = key.map((one) => fields.find((field) => field.name === one)?.dbName ?? one);
      used.add(`${table}(${columns.toSorted().join(', ')})`);
    }
  }
  for (const { name, dbName, values: all } of datamodel.enums)
    for (const value of all) values.add(`${dbName ?? name}.${value.dbName ?? value.name}`);
  return (key) => {
    const [, kind = '', name = ''] = /^(table|view|materialized view|column|enum value|unique) (.*)$/s.exec(key) ?? [];
    // The schema of an enum is not told: its own name decides.
    return kind === 'enum value' ? values.has(name.slice(name.indexOf('.') + 1)) : used.has(name);
  };
}

/** What Prisma's own reading of a schema says first, without its picture of the place. */
export function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const said = text.startsWith('{') ? String((JSON.parse(text) as { message?: string }).message) : text;
  return (said.split('\n')[0] ?? '').replace(/^error: /, '').replace(/\.$/, '');
}
