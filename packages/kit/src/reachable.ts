import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Through every folder above it, for every user of the machine. */
export function isReachableByAll(folder: string): boolean {
  if ((statSync(folder).mode & 0o001) === 0) return false;
  return dirname(folder) === folder || isReachableByAll(dirname(folder));
}
