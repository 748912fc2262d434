import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The folder of the toolkit itself, which need not be the product's. */
export const TOOLKIT = resolve(import.meta.dirname, '../../..');

/** A product has it among its packages: built, from the tarball of `pack`. Otherwise these are the sources, in a checkout. */
export const INSTALLED = import.meta.filename.endsWith('.js');

export function toolkitVersion(): string {
  return (JSON.parse(readFileSync(join(TOOLKIT, 'package.json'), 'utf8')) as { version: string }).version;
}
