import { type Environment, type EnvName, type LoadedConfig, operatorUrl, type Secret } from '@drydock/kit';

/** The database a task works on, and the migrations that belong to it. */
export interface Target {
  env: EnvName;
  url: Secret;
  schemaFile: string;
  migrationsDir: string;
  lockTimeoutMs: number;
}

export function targetOf(config: LoadedConfig, environment: Environment): Target {
  return {
    env: environment.name,
    url: operatorUrl(config, environment),
    schemaFile: config.path(config.database.schema),
    migrationsDir: config.path(config.database.migrations),
    lockTimeoutMs: config.database.lockTimeoutMs,
  };
}
