import { findTool } from '@drydock/kit';

/**
 * What to start a program of PostgreSQL through, for it to read or write 1 MiB at a time: by itself it takes 4 KiB, and each of them wakes
 * whoever is at the other end (340 MB: a third of a second of processor less). Nothing where coreutils' stdbuf is not there.
 */
export function buffered(which: '-i1M' | '-o1M'): string[] {
  const stdbuf = findTool('stdbuf');
  return stdbuf ? [stdbuf, which] : [];
}
