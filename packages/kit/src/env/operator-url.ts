import { databaseSection } from '../config/database.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Secret } from '../secret.ts';
import type { Environment } from './types.ts';

/** The operator's database URL; a product that has only one URL uses that. */
export function operatorUrl(config: LoadedConfig, environment: Environment): Secret {
  const { url, appUrl } = databaseSection.of(config);
  return environment.secret(environment.has(url) || !environment.has(appUrl) ? url : appUrl);
}

/** For what only looks: the role that may do nothing else, where the environment has one, or else the operator's. */
export function readerUrl(config: LoadedConfig, environment: Environment): Secret {
  const { readUrl } = databaseSection.of(config);
  return environment.has(readUrl) ? environment.secret(readUrl) : operatorUrl(config, environment);
}
