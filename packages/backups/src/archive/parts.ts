import type { TocObject } from './toc.ts';

/** What of an archive is brought, and what of it is not although it belongs to what is. */
export interface Part {
  /** Of the entries of the table of contents. */
  ids: ReadonlySet<number>;
  /** Those whose rows come. */
  tables: TocObject[];
  /** Told, since whoever asked for the table may count on them. */
  left: { object: TocObject; why: string }[];
}

/** Of a table, and made with it. */
const WITH_TABLE = /^(TABLE DATA|DEFAULT|SEQUENCE|SEQUENCE OWNED BY)$/;
const KEYS = /^(CONSTRAINT|CHECK CONSTRAINT|FK CONSTRAINT|INDEX|STATISTICS)$/;
const SAID_OF = /^(COMMENT|ACL|SECURITY LABEL)$/;

/**
 * A table with its rows, and whatever it cannot be made without: its schema, types, domains, functions of its defaults and checks, the
 * sequences of its columns; of a partitioned one its partitions. pg_restore's own --table brings none of these. With `keys` what
 * PostgreSQL makes after the rows as well: keys, indexes, checks, and references to what is there.
 */
export function partOf(table: TocObject, objects: TocObject[], { keys }: { keys: boolean }): Part {
  const graph = new Graph(objects);
  const ids = new Set<number>();
  const bring = (object: TocObject) => {
    if (ids.has(object.dumpId)) return;
    ids.add(object.dumpId);
    for (const needed of graph.needsOf(object)) bring(needed);
  };
  const tables: TocObject[] = [];
  const bringWhole = (whole: TocObject) => {
    bring(whole);
    tables.push(whole);
    for (const one of graph.hangingOn(whole)) {
      if (WITH_TABLE.test(one.kind)) bring(one);
      if (one.kind !== 'TABLE ATTACH' || isOf(one, whole)) continue;
      const partition = graph.needsOf(one).find((needed) => needed.kind === 'TABLE' && needed !== whole);
      if (partition) bringWhole(partition);
      bring(one);
    }
  };
  bringWhole(table);
  const left = keys ? tables.flatMap((one) => bringKeys(one, graph, ids, bring)) : [];
  for (const object of objects) {
    const needed = graph.needsOf(object);
    const isHere = needed.length > 0 && needed.every(({ dumpId }) => ids.has(dumpId));
    const follows =
      /^(SEQUENCE SET|SEQUENCE OWNED BY|INDEX ATTACH)$/.test(object.kind) ||
      (SAID_OF.test(object.kind) && !needed.some(({ kind }) => kind === 'EXTENSION'));
    if (isHere && follows) ids.add(object.dumpId);
  }
  return { ids, tables, left };
}

function bringKeys(table: TocObject, graph: Graph, ids: Set<number>, bring: (object: TocObject) => void): Part['left'] {
  const left: Part['left'] = [];
  for (const key of graph.hangingOn(table)) {
    if (!KEYS.test(key.kind)) continue;
    const elsewhere = graph.allNeededBy(key).find(({ kind, dumpId }) => kind === 'TABLE' && !ids.has(dumpId));
    if (elsewhere) left.push({ object: key, why: `it leads to ${nameOf(elsewhere)}, which is not restored` });
    else bring(key);
  }
  return left;
}

/** Goes with what it is a part of: nobody asks for it alone. */
const PARTS =
  /^(COMMENT|ACL|DEFAULT ACL|SECURITY LABEL|TABLE DATA|MATERIALIZED VIEW DATA|DEFAULT|SEQUENCE( SET| OWNED BY)?|(CHECK |FK )?CONSTRAINT|INDEX( ATTACH)?|TABLE ATTACH|STATISTICS|TRIGGER|RULE|POLICY|ROW SECURITY|PUBLICATION TABLE|BLOBS?|BLOB DATA|BLOB METADATA)$/;

/** An object with all that is a part of it; and what else hangs on it, and could not be made without. */
export function withParts(chosen: TocObject[], objects: TocObject[]): { parts: TocObject[]; hanging: TocObject[] } {
  const graph = new Graph(objects);
  const parts = new Set(chosen);
  const hanging = new Set<TocObject>();
  for (const object of parts)
    for (const one of graph.hangingOn(object)) (PARTS.test(one.kind) ? parts : hanging).add(one);
  return { parts: [...parts], hanging: [...hanging].filter((one) => !parts.has(one)) };
}

class Graph {
  readonly #byId = new Map<number, TocObject>();
  readonly #hanging = new Map<number, TocObject[]>();
  /** `partition/table`, and keys of both: PostgreSQL has the first hang on the second, and pg_dump makes it by itself all the same. */
  readonly #attached = new Set<string>();

  constructor(objects: TocObject[]) {
    for (const object of objects) this.#byId.set(object.dumpId, object);
    for (const object of objects) {
      const needs = new Set(object.needs.map(Number));
      if (object.kind === 'TABLE ATTACH' || object.kind === 'INDEX ATTACH')
        for (const one of needs) for (const other of needs) this.#attached.add(`${one}/${other}`);
      for (const id of needs) {
        const hanging = this.#hanging.get(id);
        if (hanging) hanging.push(object);
        else this.#hanging.set(id, [object]);
      }
    }
  }

  needsOf({ dumpId, needs }: TocObject): TocObject[] {
    return needs.flatMap((id) => {
      const needed = this.#byId.get(Number(id));
      return needed && !this.#attached.has(`${dumpId}/${id}`) ? [needed] : [];
    });
  }

  allNeededBy(object: TocObject): TocObject[] {
    const all = new Set([object]);
    for (const one of all) for (const needed of this.needsOf(one)) all.add(needed);
    return [...all].slice(1);
  }

  hangingOn({ dumpId }: TocObject): TocObject[] {
    return this.#hanging.get(dumpId) ?? [];
  }
}

/** An entry that attaches a partition is called after that. */
function isOf({ schema, name }: TocObject, table: TocObject): boolean {
  return schema === table.schema && name === table.name;
}

/** `public.people`: no quotes, as pg_restore lists it. */
export function nameOf({ schema, name }: Pick<TocObject, 'schema' | 'name'>): string {
  return schema ? `${schema}.${name}` : name;
}
