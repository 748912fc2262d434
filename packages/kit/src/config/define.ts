import type { DrydockConfig } from './schema.ts';

/** Identity, for types while writing. The check happens when a task loads the file. */
export function defineConfig(config: DrydockConfig): DrydockConfig {
  return config;
}

/** This module, which loads nothing: for a config that imports us from where we are not installed. */
export const DEFINED_IN = import.meta.filename;
