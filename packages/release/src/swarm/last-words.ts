import { OpsError } from '@drydock/kit';
import type { Engine } from './engine.ts';
import { serviceLogs } from './logs.ts';

const WITHIN_MS = 3_000;
const LINES = 50;
const MOST_LETTERS = 300;

/** What a version wrote before it ended, if it can be had soon: a machine that is cut off does not tell it. */
export async function lastWords(engine: Engine, service: string): Promise<string | undefined> {
  const options = { lines: LINES, follow: false, signal: AbortSignal.timeout(WITHIN_MS) };
  const lines: string[] = [];
  try {
    for await (const { text } of serviceLogs(engine, service, options)) if (text.trim()) lines.push(text);
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
  }
  return (lines.findLast((line) => /\b\w*Error\b/.test(line)) ?? lines.at(-1))?.slice(0, MOST_LETTERS);
}
