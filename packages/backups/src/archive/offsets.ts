import { readToc, SET, type Toc, Truncated } from './toc.ts';

/** What is to be written over the file, and where. */
export interface Patch {
  at: number;
  bytes: Buffer;
}

const [DATA, LARGE_OBJECTS] = [1, 3];
/** A sign and four bytes. */
const NUMBER_BYTES = 5;
/** A table of contents is that of a schema; one that is larger is not waited for. */
const LARGEST_TOC = 64 << 20;

/**
 * Finds where each table's data lies in an archive that passes. pg_dump cannot go back to write it when it writes into
 * a pipe, and without it every worker of a parallel pg_restore reads its way through all rows before its own, and none
 * knows which table is the largest. With what is found here written in, the file is as if pg_dump had made it on a disk.
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
    const toc = this.#toc;
    const whole = this.#next === 'kind' && this.#skip === 0 && this.#rest.length === 0;
    if (this.#lost || !toc || !whole) return [];
    return toc.entries.flatMap(({ dumpId, at }) => {
      const offset = this.#found.get(dumpId);
      if (offset === undefined) return [];
      const bytes = Buffer.alloc(1 + toc.offsetSize);
      bytes[0] = SET;
      bytes.writeUIntLE(offset, 1, 6);
      return [{ at, bytes }];
    });
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
      this.#next = this.#inLargeObjects ? 'large object' : 'length';
    } else if (this.#next === 'large object') this.#next = value === 0 ? 'kind' : 'length';
    else {
      this.#skip = value;
      if (value === 0) this.#next = this.#inLargeObjects ? 'large object' : 'kind';
    }
  }
}
