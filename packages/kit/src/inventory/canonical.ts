/** `(ARRAY['a'::character varying, 'b'::character varying])::text[]` */
const CAST_ARRAY = /\(ARRAY\[((?:E?'(?:[^'\\]|''|\\.)*'::character varying(?:, )?)+)\]\)::text\[\]/g;

/**
 * The one form of what PostgreSQL prints in two: `IN` of a varchar column is told otherwise once it was restored from a dump, and means the same.
 */
export function canonical(definition: string): string {
  if (!definition.includes('(ARRAY[')) return definition;
  return definition.replace(CAST_ARRAY, (_, elements: string) => {
    const each = elements.replace(/(E?'(?:[^'\\]|''|\\.)*'::character varying)/g, '($1)::text');
    return `ARRAY[${each}]`;
  });
}
