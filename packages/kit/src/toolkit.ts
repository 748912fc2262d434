import { resolve } from 'node:path';

/** The folder of the toolkit itself, which need not be the product's. */
export const TOOLKIT = resolve(import.meta.dirname, '../../..');
