import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';

/** One look of record.ts; null where nothing answered. */
export interface Recorded {
  at: number;
  metrics: { status: number; body: string } | null;
  health: { status: number; body: string } | null;
}

/** What the real marketplace said, look by look (zstdcat steady.jsonl.zst | jq -r .metrics.body). */
export function readRecording(name: string): Recorded[] {
  const packed = readFileSync(join(import.meta.dirname, `${name}.jsonl.zst`));
  return zstdDecompressSync(packed)
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}
