import { createHash, type Hash } from 'node:crypto';
import { ObjectsSum } from './line-sum.ts';
import { RowSum, WithoutEnd } from './row-sum.ts';
import { SET, type Toc } from './toc.ts';
import { type Visitor, Walk } from './walk.ts';

/** What is to be written over the file, and where. */
export interface Patch {
  at: number;
  bytes: Buffer;
}

/** Rows of a table that an archive has, as PostgreSQL names the two, and their sum as COPY gives them. */
export type Counted = { schema: string; name: string; rows: number; checksum: string };

export type TableOf = { schema: string; name: string };

/** Takes bytes of rows in the order in which they come. */
export interface Taker {
  add(bytes: Buffer): void;
}

export interface Looking {
  /** Of which tables rows are counted and summed; by itself of none. */
  sums?: ((table: TableOf) => boolean) | undefined;
  /** Whether large objects are summed. */
  largeObjects?: boolean | undefined;
  /** Who else takes the rows of a table; `copy` is the statement that its columns stand in. */
  takers?: ((table: TableOf, copy: string) => Taker | undefined) | undefined;
}

/**
 * What an archive tells while it passes: where each table's data lies, how many rows it has and their sum. pg_dump cannot go back to
 * write the first when it writes into a pipe, and without it every worker of a parallel pg_restore reads its way through all
 * rows before its own, and none knows which table is the largest. With what is found here written in, the file is as if pg_dump
 * had made it on a disk.
 */
export class ArchiveReader implements Visitor {
  readonly #looking: Looking;
  readonly #walk: Walk;
  readonly #found = new Map<number, number>();
  readonly #tables = new Map<number, Watched>();
  readonly #largeObjects = new ObjectsSum();
  #current: Watched | undefined;
  #object: { oid: number; hash: Hash } | undefined;

  constructor(looking: Looking = {}) {
    this.#looking = looking;
    this.#walk = new Walk(this);
  }

  add(piece: Buffer): void {
    this.#walk.add(piece);
  }

  begin(toc: Toc): void {
    const { sums, takers } = this.#looking;
    for (const { dumpId, table } of toc.entries) {
      if (!table?.copied || !toc.plain) continue;
      const sum = sums?.(table) ? new RowSum() : undefined;
      const others = [sum, takers?.(table, table.copy)].filter((one) => one !== undefined);
      if (others.length > 0) this.#tables.set(dumpId, new Watched(sum, others));
    }
  }

  entry(dumpId: number, at: number, areLargeObjects: boolean): boolean {
    this.#found.set(dumpId, at);
    this.#current = this.#tables.get(dumpId);
    return areLargeObjects ? this.#looking.largeObjects === true : this.#current !== undefined;
  }

  largeObject(oid: number): void {
    this.#object = { oid, hash: createHash('sha256') };
  }

  bytes(piece: Buffer): void {
    if (this.#object) this.#object.hash.update(piece);
    else this.#current?.rows.add(piece);
  }

  end(): void {
    if (this.#object) this.#largeObjects.add(this.#object.oid, this.#object.hash.digest('hex'));
    else this.#current?.end();
    this.#object = undefined;
    this.#current = undefined;
  }

  /** Whether it was understood to the last byte. Before it is asked, what is smaller than a table of contents may be has told nothing. */
  isWhole(): boolean {
    return this.#walk.end() !== undefined;
  }

  /** None where the archive is not understood, to the last byte: it is restored as it is. */
  patches(): Patch[] {
    const toc = this.#walk.end();
    return (toc?.entries ?? []).flatMap(({ dumpId, at, known }) => {
      const offset = this.#found.get(dumpId);
      if (offset === undefined || known) return [];
      const bytes = Buffer.alloc(1 + (toc?.offsetSize ?? 0));
      bytes[0] = SET;
      bytes.writeUIntLE(offset, 1, 6);
      return [{ at, bytes }];
    });
  }

  /** Of the tables that were to be summed; undefined where the archive is not understood, compressed, or no COPY. */
  counted(): Counted[] | undefined {
    const toc = this.#walk.end();
    if (!toc?.plain) return undefined;
    const wanted = toc.entries.filter(({ table }) => table && this.#looking.sums?.(table));
    const sums = wanted.map(({ dumpId, table }) => {
      const sum = this.#tables.get(dumpId)?.sum;
      return table && sum ? { schema: table.schema, name: table.name, ...sum } : undefined;
    });
    const known = sums.filter((one) => one !== undefined);
    return known.length === sums.length ? known : undefined;
  }

  /** Undefined where the archive is not understood, or compressed. */
  largeObjects(): { count: number; checksum: string } | undefined {
    return this.#walk.end()?.plain ? this.#largeObjects.result() : undefined;
  }
}

/** The rows of one table, on their way to those who take them. */
class Watched {
  readonly rows: WithoutEnd;
  readonly #adding: RowSum | undefined;
  /** Once they have ended as rows do. */
  sum: ReturnType<RowSum['result']> | undefined;

  constructor(adding: RowSum | undefined, takers: Taker[]) {
    this.#adding = adding;
    const [only] = takers;
    const all = {
      add: (bytes: Buffer) => {
        for (const taker of takers) taker.add(bytes);
      },
    };
    this.rows = new WithoutEnd(takers.length === 1 && only ? only : all);
  }

  end(): void {
    if (this.rows.end()) this.sum = this.#adding?.result();
  }
}
