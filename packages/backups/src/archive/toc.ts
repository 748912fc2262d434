/** An entry of the table of contents that has data, and where in the file its offset is kept. */
export interface DataEntry {
  dumpId: number;
  /** Of the byte that tells the state of the offset; the offset itself follows. */
  at: number;
}

export interface Toc {
  intSize: number;
  offsetSize: number;
  entries: DataEntry[];
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
  if (minor >= 15) reader.byte();
  else reader.int();
  // When it was made: seconds to years, and whether in summer.
  for (let part = 0; part < 7; part++) reader.int();
  // Database, version of the server, of pg_dump.
  for (let part = 0; part < 3; part++) reader.skipText();
  const entries: DataEntry[] = [];
  for (let left = reader.int(); left > 0; left--) {
    const dumpId = reader.int();
    reader.int();
    // OIDs of catalogue and object, tag, kind.
    for (let part = 0; part < 4; part++) reader.skipText();
    reader.int();
    // Definition, drop and copy statements, schema, tablespace, access method.
    for (let part = 0; part < 6; part++) reader.skipText();
    if (minor >= 16) reader.int();
    // Owner, and whether it has OIDs.
    for (let part = 0; part < 2; part++) reader.skipText();
    while (reader.skipText());
    if (reader.byte() === NOT_SET) entries.push({ dumpId, at: reader.at - 1 });
    reader.take(offsetSize);
  }
  return { intSize: reader.intSize, offsetSize, entries, end: reader.at };
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

  /** False for the text that is none. */
  skipText(): boolean {
    const length = this.int();
    if (length < 0) return false;
    this.take(length);
    return true;
  }
}
