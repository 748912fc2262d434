import { databaseSection } from '../config/database.ts';
import type { LoadedConfig } from '../config/load.ts';
import { type OpsError, usageError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import type { Environment } from './types.ts';

/** The operator's database URL; a product that has only one URL uses that. */
export function operatorUrl(config: LoadedConfig, environment: Environment): Secret {
  const { url, appUrl } = databaseSection.of(config);
  for (const name of [url, appUrl]) if (environment.has(name)) return environment.secret(name);
  throw noDatabase(config, environment);
}

/** For what only looks: the role that may do nothing else, where the environment has one, or else the operator's. */
export function readerUrl(config: LoadedConfig, environment: Environment): Secret {
  const { readUrl } = databaseSection.of(config);
  return environment.has(readUrl) ? environment.secret(readUrl) : operatorUrl(config, environment);
}

/** Products call it by many names: one that holds such an address is the one that is meant, perhaps. */
export function noDatabase(config: LoadedConfig, environment: Environment): OpsError {
  const { url, appUrl } = databaseSection.of(config);
  const [meant] = environment.names.filter(
    (name) => !config.variables[name] && environment.isInFile(name) && isAddress(environment.get(name)),
  );
  return usageError(
    'VARIABLE_MISSING',
    `${url} is not set for ${environment.name}${url === appUrl ? '' : `, nor is ${appUrl}`}; ${environment.sought(environment.sourceOf(url) ? url : appUrl)}.`,
    meant
      ? `${meant} holds the address of a database. If it is this one, say so in drydock.config.ts: database: { appUrl: '${meant}' }`
      : environment.withNotes(
          `Set it, for example: ${appUrl}='postgresql://user:password@host:5432/database' in .env.${environment.name}.local`,
        ),
  );
}

function isAddress(value: string | undefined): boolean {
  return /^postgres(ql)?:\/\//.test(value ?? '');
}
