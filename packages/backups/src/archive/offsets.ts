import { END_LINES, readToc, SET, type Toc, Truncated } from './toc.ts';

/** What is to be written over the file, and where. */
export interface Patch {
  at: number;
  bytes: Buffer;
}

/** Rows of a table that an archive has, as PostgreSQL names the two. */
export type Counted = { schema: string; name: string; rows: number };

const [DATA, LARGE_OBJECTS] = [1, 3];
const NEWLINE = 10;
/** A sign and four bytes. */
const NUMBER_BYTES = 5;
/** A table of contents is that of a schema; one that is larger is not waited for. */
const LARGEST_TOC = 64 << 20;

/**
 * Finds where each table's data lies in an archive that passes. pg_dump cannot go back to write it when it writes into
 * a pipe, and without it every worker of a parallel pg_restore reads its way through all rows before its own, and none
 * knows which table is the largest. With what is found here written in, the file is as if pg_dump had made it on a disk.
 * On the way it counts rows: COPY's text has one newline for each, and none in a value.
 */
export class OffsetFinder {
  #head: Buffer[] = [];
  #headBytes = 0;
  /** Not worth a try before. */
  #nextTry = 1 << 16;
  #toc: Toc | undefined;
  #known = new Set<number>();
  /** Something else than was expected: the rest is not looked at. */
  #lost = false;
  readonly #found = new Map<number, number>();
  readonly #lines = new Map<number, number>();
  /** Of the table whose lines are counted; undefined where what passes are no rows. */
  #counting: number | undefined;
  readonly #counts: (table: { schema: string; name: string }) => boolean;

  /** `counts` says of which tables the rows are counted. */
  constructor(counts: (table: { schema: string; name: string }) => boolean = () => false) {
    this.#counts = counts;
  }

  /** Of the byte that comes next, in the file. */
  #at = 0;
  /** Bytes of rows that still pass before the next number. */
  #skip = 0;
  #next: 'kind' | 'entry' | 'large object' | 'length' = 'kind';
  #inLargeObjects = false;
  #blockAt = 0;
  /** The part of a number that came with the piece before. */
  #rest: Buffer = Buffer.alloc(0);

  /** The piece is not kept, but for the table of contents. */
  add(piece: Buffer): void {
    if (this.#lost) return;
    if (this.#toc) {
      this.#walk(piece);
      return;
    }
    this.#head.push(Buffer.from(piece));
    this.#headBytes += piece.length;
    if (this.#headBytes < this.#nextTry) return;
    this.#nextTry *= 2;
    this.#readHead();
  }

  /** None where the archive is not understood, to the last byte: it is restored as it is. */
  patches(): Patch[] {
    if (!this.#lost && !this.#toc) this.#readHead();
    const toc = this.#whole();
    if (!toc) return [];
    return toc.entries.flatMap(({ dumpId, at, known }) => {
      const offset = this.#found.get(dumpId);
      if (offset === undefined || known) return [];
      const bytes = Buffer.alloc(1 + toc.offsetSize);
      bytes[0] = SET;
      bytes.writeUIntLE(offset, 1, 6);
      return [{ at, bytes }];
    });
  }

  /** Of the tables that were to be counted; undefined where the archive is not understood, compressed, or no COPY. */
  counted(): Counted[] | undefined {
    if (!this.#lost && !this.#toc) this.#readHead();
    const toc = this.#whole();
    const wanted = toc?.entries.filter(({ table }) => table && this.#counts(table));
    if (!toc?.plain || wanted?.some(({ table }) => !table?.copied)) return undefined;
    return toc.entries.flatMap(({ dumpId, table }) => {
      const lines = this.#lines.get(dumpId);
      return table && lines !== undefined ? [{ schema: table.schema, name: table.name, rows: lines - END_LINES }] : [];
    });
  }

  #whole(): Toc | undefined {
    const whole = this.#next === 'kind' && this.#skip === 0 && this.#rest.length === 0;
    return this.#lost || !whole ? undefined : this.#toc;
  }

  #readHead(): void {
    const head = Buffer.concat(this.#head);
    try {
      this.#toc = readToc(head);
    } catch (error) {
      if (!(error instanceof Truncated)) throw error;
      this.#lost = this.#headBytes > LARGEST_TOC;
      return;
    }
    this.#head = [];
    if (this.#toc?.intSize !== 4 || this.#toc.offsetSize < 6) {
      this.#lost = true;
      return;
    }
    this.#known = new Set(this.#toc.entries.map(({ dumpId }) => dumpId));
    for (const { dumpId, table } of this.#toc.entries) if (table && this.#counts(table)) this.#lines.set(dumpId, 0);
    this.#at = this.#toc.end;
    this.#walk(head.subarray(this.#toc.end));
  }

  /** A block: its kind, its entry, then pieces, each after its length, until one of none (pg_backup_custom.c). */
  #walk(piece: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece;
    let at = 0;
    while (at < bytes.length && !this.#lost) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        if (this.#counting !== undefined) this.#count(bytes.subarray(at, at + skipped), this.#counting);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const needed = this.#next === 'kind' ? 1 : NUMBER_BYTES;
      if (bytes.length - at < needed) break;
      this.#number(bytes, at);
      at += needed;
    }
    this.#at += at;
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  #count(rows: Buffer, dumpId: number): void {
    let lines = 0;
    for (let at = rows.indexOf(NEWLINE); at >= 0; at = rows.indexOf(NEWLINE, at + 1)) lines++;
    this.#lines.set(dumpId, (this.#lines.get(dumpId) ?? 0) + lines);
  }

  #number(bytes: Buffer, at: number): void {
    if (this.#next === 'kind') {
      const kind = bytes[at];
      this.#lost = kind !== DATA && kind !== LARGE_OBJECTS;
      this.#inLargeObjects = kind === LARGE_OBJECTS;
      this.#blockAt = this.#at + at;
      this.#next = 'entry';
      return;
    }
    const value = bytes.readUInt32LE(at + 1);
    if (this.#next === 'entry') {
      this.#lost = !this.#known.has(value);
      this.#found.set(value, this.#blockAt);
      this.#counting = this.#lines.has(value) ? value : undefined;
      this.#next = this.#inLargeObjects ? 'large object' : 'length';
    } else if (this.#next === 'large object') this.#next = value === 0 ? 'kind' : 'length';
    else {
      this.#skip = value;
      if (value === 0) this.#next = this.#inLargeObjects ? 'large object' : 'kind';
    }
  }
}
