import { databaseSection } from '../config/database.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Environment } from '../env/types.ts';
import type { Secret } from '../secret.ts';

/** With what copies are made where the operator's role alone may not: `database.scratch`. */
export interface CopySource {
  /** They begin with this database, and the extensions in it. */
  template?: string | undefined;
  /** A role that may make what the operator's may not. */
  maker?: Secret | undefined;
}

export function copySource(config: LoadedConfig, environment: Environment): CopySource {
  const { template, url } = databaseSection.of(config).scratch;
  return { template, maker: environment.has(url) ? environment.secret(url) : undefined };
}
