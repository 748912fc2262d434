import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '../durable.ts';

/** Room for what has to be written when the disk is full: that a step failed, what was undone, that the run ended, its audit event. */
const BYTES = 32_768;

/** `.drydock/runs/<run>/reserve` */
const reserveOf = (folder: string) => join(folder, 'reserve');

/** Before anything is begun; where there is no room for it, nothing is. Not zeros: some file systems keep those for nothing. */
export function makeReserve(folder: string): void {
  if (!existsSync(reserveOf(folder))) writeDurably(reserveOf(folder), randomBytes(BYTES));
}

/** True if there was one. */
export function freeReserve(folder: string): boolean {
  const had = existsSync(reserveOf(folder));
  rmSync(reserveOf(folder), { force: true });
  return had;
}
