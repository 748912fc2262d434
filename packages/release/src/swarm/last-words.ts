import { OpsError } from '@drydock/kit';
import { errorLine } from '../driver/log.ts';
import type { Engine } from './engine.ts';
import { serviceLogs } from './logs.ts';

const WITHIN_MS = 3_000;
const LINES = 50;

/**
 * Why a version says that it does not come up, if that can be had soon (a machine that is cut off does not tell it): its last error, or, of one
 * that `ended`, what it wrote last.
 */
export async function lastWords(engine: Engine, service: string, ended: boolean): Promise<string | undefined> {
  const options = { lines: LINES, follow: false, signal: AbortSignal.timeout(WITHIN_MS) };
  const lines: string[] = [];
  try {
    for await (const { text } of serviceLogs(engine, service, options)) if (text.trim()) lines.push(text);
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
  }
  const told = errorLine(lines);
  // Of one that runs, what it writes last is no reason.
  return ended || /error/i.test(told ?? '') ? told : undefined;
}
