// The door for the page: charts and HTML are loaded by those who draw.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export { createConsole } from '../console/serve.ts';
export { collect } from './collect.ts';
export { renderReport } from './render.ts';
export type { EnvironmentReport, Readers } from './types.ts';

/** What renews the page of the console in a browser. */
export function liveScript(): string {
  return readFileSync(join(import.meta.dirname, 'views/live.js'), 'utf8');
}
