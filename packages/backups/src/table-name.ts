/** A table as `quote_ident` writes it, in its schema and name. */
export function partsOf(name: string): [schema: string, name: string] {
  const parts = name.match(/"(?:[^"]|"")*"|[^".]+/g) ?? [];
  const [schema = '', table = ''] = parts.map((part) =>
    part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part,
  );
  return [schema, table];
}

/** One text for one table, however it was quoted. */
export function keyOfTable({ schema, name }: { schema: string; name: string }): string {
  return JSON.stringify([schema, name]);
}

/** The same of a name as `quote_ident` writes it. */
export function keyOfName(quoted: string): string {
  return JSON.stringify(partsOf(quoted));
}
