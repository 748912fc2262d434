import { createHash, type Hash } from 'node:crypto';

const NEWLINE = 10;
/** Ends the rows in an archive (dumpTableData_copy in pg_dump.c): `\.`, then two lines of nothing. */
const END = Buffer.from('\\.\n\n\n');

/**
 * Number and SHA-256 of rows as COPY writes them: one newline for each, and none in a value. Equal rows in the order of another heap
 * have another sum; see line-sum.ts.
 */
export class RowSum {
  readonly #hash: Hash = createHash('sha256');
  #rows = 0;

  add(bytes: Buffer): void {
    this.#hash.update(bytes);
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) this.#rows++;
  }

  result(): { rows: number; checksum: string } {
    return { rows: this.#rows, checksum: this.#hash.digest('hex') };
  }
}

/** Takes the end that an archive puts behind the rows of a table away. */
export class WithoutEnd {
  readonly #to: { add(bytes: Buffer): void };
  #last = Buffer.alloc(0);

  constructor(to: { add(bytes: Buffer): void }) {
    this.#to = to;
  }

  add(bytes: Buffer): void {
    const all = bytes.length < END.length ? Buffer.concat([this.#last, bytes]) : bytes;
    if (all === bytes && this.#last.length > 0) this.#to.add(this.#last);
    const kept = Math.min(END.length, all.length);
    if (all.length > kept) this.#to.add(all.subarray(0, all.length - kept));
    this.#last = Buffer.from(all.subarray(all.length - kept));
  }

  /** Whether it was there. */
  end(): boolean {
    return this.#last.equals(END);
  }
}
