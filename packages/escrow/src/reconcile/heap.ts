import { setFlagsFromString } from 'node:v8';

/**
 * Of the jobs only a page lives at a time; what grows with their number is garbage that V8 has not collected yet. Left alone
 * it lets the young generation grow with time, to 128 MiB, and the old to a multiple of what lived at the start. So the
 * young one stays as large as it is, and the old one is collected once it has grown by half. What may live is not limited:
 * much data costs collections, and never ends the process. 100,000 jobs: 155 MiB and 6.2 s with it, 320 MiB and 8 s without.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=50');
}
