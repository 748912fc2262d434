import { decoded } from './encoding.ts';

/** An entry of the table of contents that has data, and where in the file its offset is kept. */
export interface DataEntry {
  dumpId: number;
  /** Of the byte that tells the state of the offset; the offset itself follows. */
  at: number;
  /** Whether pg_dump knew it already: it wrote into a file, and could go back. */
  known: boolean;
  /** Of a table's rows; undefined for everything else. `copied`: they are written as `copy`, a COPY, wants them. */
  table: { schema: string; name: string; copied: boolean; copy: string } | undefined;
}

/** An object, as far as it matters to who may restore it. */
export interface TocObject {
  dumpId: number;
  /** `TABLE`, `EXTENSION`, `EVENT TRIGGER`, … */
  kind: string;
  /** Empty for what is in none. */
  schema: string;
  name: string;
  owner: string;
  /** What makes it, as pg_restore sends it; empty for rows. */
  sql: string;
  /** Dump ids of what it hangs on; extensions, not their members. */
  needs: string[];
}

export interface Toc {
  objects: TocObject[];
  intSize: number;
  offsetSize: number;
  /** The data is as COPY gave it. */
  plain: boolean;
  /** PostgreSQL's name of the encoding of its texts and rows. */
  encoding: string;
  entries: DataEntry[];
  /** Statements of rights on what the archive does not create: schema public, PostgreSQL's own, members of extensions. */
  foreignRights: string[];
  /** Where the blocks of data begin. */
  end: number;
}

/** States of an offset (pg_backup_custom.c): of no use yet, known, and of an entry without data. */
const NOT_SET = 1;
export const SET = 2;

/** Versions of the format whose layout is known: those of pg_dump 12 to 18. */
const [OLDEST, NEWEST] = [14, 16];

export class Truncated extends Error {}

/**
 * Reads the head and the table of contents of an archive in pg_dump's custom format (ReadHead and ReadToc in
 * pg_backup_archiver.c). Throws Truncated where the bytes end before it; undefined where the format is another.
 */
export function readToc(bytes: Buffer): Toc | undefined {
  const reader = new Reader(bytes);
  if (reader.take(5).toString('latin1') !== 'PGDMP') return undefined;
  const [major, minor] = [reader.byte(), reader.byte()];
  reader.byte();
  if (major !== 1 || minor < OLDEST || minor > NEWEST) return undefined;
  reader.intSize = reader.byte();
  const offsetSize = reader.byte();
  const custom = 1;
  if (reader.byte() !== custom) return undefined;
  // How it is compressed: a level, from 1.15 on an algorithm.
  const plain = (minor >= 15 ? reader.byte() : reader.int()) === 0;
  // When it was made: seconds to years, and whether in summer.
  for (let part = 0; part < 7; part++) reader.int();
  // Database, version of the server, of pg_dump.
  for (let part = 0; part < 3; part++) reader.text();
  let encoding = 'UTF8';
  const entries: DataEntry[] = [];
  const rights: { on: string[]; sql: string }[] = [];
  const made = new Set<string>();
  const objects: TocObject[] = [];
  for (let left = reader.int(); left > 0; left--) {
    const dumpId = reader.int();
    reader.int();
    // OIDs of catalogue and object.
    for (let part = 0; part < 2; part++) reader.text();
    const [tag, kind] = [reader.text(), reader.text()];
    reader.int();
    const definition = reader.text();
    if (kind?.toString() === 'ENCODING') encoding = /'(\w+)'/.exec(`${definition}`)?.[1] ?? encoding;
    reader.text();
    const [copy, schema] = [reader.text(), reader.text()];
    // Tablespace, access method.
    for (let part = 0; part < 2; part++) reader.text();
    if (minor >= 16) reader.int();
    const owner = reader.text();
    // Whether it has OIDs.
    reader.text();
    const needs = [...reader.texts()];
    made.add(String(dumpId));
    if (kind?.toString() === 'ACL' && definition && !tag?.toString().startsWith('DATABASE '))
      rights.push({ on: needs, sql: decoded(definition, encoding) });
    if (kind && tag)
      objects.push({
        dumpId,
        kind: kind.toString(),
        schema: schema ? decoded(schema, encoding) : '',
        name: decoded(tag, encoding),
        owner: owner ? decoded(owner, encoding) : '',
        sql: definition ? decoded(definition, encoding) : '',
        needs,
      });
    const state = reader.byte();
    if (state === NOT_SET || state === SET) {
      const copied = copy !== undefined && copy.length > 0;
      const isTable = kind?.toString() === 'TABLE DATA' && tag && schema;
      const table = isTable
        ? {
            ...{ schema: decoded(schema, encoding), name: decoded(tag, encoding), copied },
            copy: copied ? decoded(copy, encoding) : '',
          }
        : undefined;
      entries.push({ dumpId, at: reader.at - 1, known: state === SET, table });
    }
    reader.take(offsetSize);
  }
  const foreignRights = rights.filter(({ on }) => !on.some((id) => made.has(id))).map(({ sql }) => sql);
  return { intSize: reader.intSize, offsetSize, plain, encoding, objects, entries, foreignRights, end: reader.at };
}

class Reader {
  intSize = 4;
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(length: number): Buffer {
    if (this.at + length > this.#bytes.length) throw new Truncated();
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  byte(): number {
    return this.take(1)[0] as number;
  }

  /** A byte of sign, then the amount, least byte first. */
  int(): number {
    const negative = this.byte() !== 0;
    const amount = this.take(this.intSize).readUIntLE(0, this.intSize);
    return negative ? -amount : amount;
  }

  /** Up to the one that is none. */
  *texts(): Iterable<string> {
    for (let text = this.text(); text; text = this.text()) yield text.toString();
  }

  /** Undefined for the text that is none. */
  text(): Buffer | undefined {
    const length = this.int();
    return length < 0 ? undefined : this.take(length);
  }
}
