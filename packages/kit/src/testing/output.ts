import type { Output } from '../output/output.ts';
import { plain, type Text } from '../output/text.ts';

/** Output that keeps what was said. */
export function silentOutput(): Output & { said: string[] } {
  const said: string[] = [];
  const keep = (text: Text) => void said.push(plain(text));
  return {
    said,
    line: keep,
    lines: (text) => void said.push(text),
    warn: keep,
    table: (header, rows) => void said.push([header, ...rows].map((row) => row.map(plain).join(' ')).join('\n')),
    progress: () => ({ update: () => {}, done: () => {}, fail: () => {} }),
    live: () => undefined,
  };
}
