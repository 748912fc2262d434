import type { Output } from '../src/output/output.ts';

/** Output for tests: keeps what was said. */
export function silentOutput(): Output & { said: string[] } {
  const said: string[] = [];
  const keep = (text: string) => void said.push(text);
  return {
    said,
    line: keep,
    warn: keep,
    table: (header, rows) => keep([header, ...rows].map((row) => row.join(' ')).join('\n')),
    progress: () => ({ update: () => {}, done: () => {}, fail: () => {} }),
  };
}
