import { command, counted as countedText, hint, OpsError } from '@drydock/kit';
import { ArchiveReader, type TableOf } from '../archive/reader.ts';
import { keyOfName, keyOfTable } from '../table-name.ts';
import type { TableSum } from './checksums.ts';
import { HistoryHead } from './history.ts';

export interface Sums {
  tables: TableSum[];
  largeObjects: { count: number; checksum: string };
}

/** Of the toolkit's own bookkeeping nothing is compared: it goes on while it is dumped. */
export const isOurs = ({ schema }: TableOf): boolean => schema === 'drydock';

/**
 * What a backup knows of the rows that it holds, taken from the dump as it passes: the database is read once, by pg_dump. `history`
 * is Prisma's table, of which the newest migration is kept.
 */
export class DumpSums {
  readonly #reader: ArchiveReader;
  readonly #head = new HistoryHead();

  constructor({ sums, history }: { sums: boolean; history: TableOf | null }) {
    this.#reader = new ArchiveReader({
      sums: sums ? (table) => !isOurs(table) : undefined,
      largeObjects: sums,
      takers: (table, copy) =>
        history && keyOfTable(table) === keyOfTable(history) ? this.#head.open(copy) : undefined,
    });
  }

  add(bytes: Buffer): void {
    this.#reader.add(bytes);
  }

  /** Null where there is no such table, nothing in it, or the archive is not understood. */
  migrationHead(): string | null {
    return this.#reader.isWhole() ? this.#head.newest : null;
  }

  /**
   * Of the tables that the snapshot has, as it names them; undefined where the archive is not understood, as one of a pg_dump to
   * come. Rejects where one of them is not in the dump.
   */
  of(tables: string[]): Sums | undefined {
    const counted = this.#reader.counted();
    const largeObjects = this.#reader.largeObjects();
    if (!counted || !largeObjects) return undefined;
    const found = new Map(counted.map((one) => [keyOfTable(one), one]));
    const sums = tables.flatMap((name): TableSum[] => {
      const one = found.get(keyOfName(name));
      return one ? [{ name, rows: one.rows, checksum: one.checksum }] : [];
    });
    if (sums.length === tables.length) return { tables: sums, largeObjects };
    const have = new Set(sums.map(({ name }) => name));
    const lacking = tables.filter((name) => !have.has(name));
    throw new OpsError({
      code: 'DUMP_SHORT',
      message: `pg_dump has left out the rows of ${countedText(lacking.length, 'table')}: ${lacking.slice(0, 3).join(', ')}.`,
      hint: hint`The backups before it are untouched. See what the role of the operator may read, then run it again: ${command('env:check')}`,
    });
  }
}
