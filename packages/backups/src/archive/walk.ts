import { readToc, type Toc, Truncated } from './toc.ts';

/** Is told what passes of an archive's data, entry by entry. */
export interface Visitor {
  /** Once, before all data. */
  begin(toc: Toc): void;
  /** The data of an entry begins, so many bytes into the file. Answers whether its bytes are wanted; others are passed over. */
  entry(dumpId: number, at: number, areLargeObjects: boolean): boolean;
  /** The bytes that follow are of this large object. */
  largeObject(oid: number): void;
  /** Of the entry. They lie in a buffer that is used again. */
  bytes(piece: Buffer): void;
  /** Of the entry, or of the large object. */
  end(): void;
}

const [DATA, LARGE_OBJECTS] = [1, 3];
/** A sign and four bytes. */
const NUMBER_BYTES = 5;
/** A table of contents is that of a schema; one that is larger is not waited for. */
const LARGEST_TOC = 64 << 20;
/** pg_dump writes row by row: looking at many together costs a tenth of looking at each. */
const GATHERED_BYTES = 256 << 10;

/**
 * Goes along an archive of pg_dump's custom format as it passes, without keeping more of it than its table of contents. After
 * that come blocks: their kind, their entry, then pieces, each after its length, until one of none (pg_backup_custom.c).
 */
export class Walk {
  readonly #visitor: Visitor;
  #head: Buffer[] = [];
  #headBytes = 0;
  /** Not worth a try before. */
  #nextTry = 1 << 16;
  #toc: Toc | undefined;
  #known = new Set<number>();
  /** Something else than was expected: the rest is not looked at. */
  #lost = false;
  /** Of the byte that comes next, in the file. */
  #at = 0;
  /** Bytes of data that still pass before the next number. */
  #skip = 0;
  #next: 'kind' | 'entry' | 'large object' | 'length' = 'kind';
  #inLargeObjects = false;
  #blockAt = 0;
  /** The part of a number that came with the piece before. */
  #rest: Buffer = Buffer.alloc(0);
  #wanted = false;
  readonly #gathered = Buffer.allocUnsafe(GATHERED_BYTES);
  #filled = 0;

  constructor(visitor: Visitor) {
    this.#visitor = visitor;
  }

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

  /** Undefined where the archive was not understood to the last byte. To be asked when all of it has passed. */
  end(): Toc | undefined {
    if (!this.#lost && !this.#toc) this.#readHead();
    const whole = this.#next === 'kind' && this.#skip === 0 && this.#rest.length === 0;
    return this.#lost || !whole ? undefined : this.#toc;
  }

  #readHead(): void {
    const head = Buffer.concat(this.#head);
    let toc: Toc | undefined;
    try {
      toc = readToc(head);
    } catch (error) {
      if (!(error instanceof Truncated)) throw error;
      this.#lost = this.#headBytes > LARGEST_TOC;
      return;
    }
    this.#head = [];
    if (toc?.intSize !== 4 || toc.offsetSize < 6) {
      this.#lost = true;
      return;
    }
    this.#toc = toc;
    this.#known = new Set(toc.entries.map(({ dumpId }) => dumpId));
    this.#visitor.begin(toc);
    this.#at = toc.end;
    this.#walk(head.subarray(toc.end));
  }

  #walk(piece: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece;
    let at = 0;
    while (at < bytes.length && !this.#lost) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, bytes.length - at);
        if (this.#wanted) this.#gather(bytes, at, at + passed);
        this.#skip -= passed;
        at += passed;
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

  #gather(bytes: Buffer, from: number, to: number): void {
    if (this.#filled + to - from > GATHERED_BYTES) this.#flush();
    if (to - from > GATHERED_BYTES / 2) {
      this.#flush();
      this.#visitor.bytes(bytes.subarray(from, to));
      return;
    }
    this.#filled += bytes.copy(this.#gathered, this.#filled, from, to);
  }

  #flush(): void {
    if (this.#filled > 0) this.#visitor.bytes(this.#gathered.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #end(): void {
    this.#flush();
    if (this.#wanted) this.#visitor.end();
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
    if (this.#next === 'length') {
      this.#skip = value;
      if (value > 0) return;
      this.#end();
      this.#next = this.#inLargeObjects ? 'large object' : 'kind';
    } else if (this.#next === 'entry') {
      this.#lost = !this.#known.has(value);
      this.#wanted = this.#visitor.entry(value, this.#blockAt, this.#inLargeObjects);
      this.#next = this.#inLargeObjects ? 'large object' : 'length';
    } else {
      this.#next = value === 0 ? 'kind' : 'length';
      if (value > 0 && this.#wanted) this.#visitor.largeObject(value);
    }
  }
}
