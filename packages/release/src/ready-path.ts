import { healthSection, healthToken } from '@drydock/health';
import type { Environment, LoadedConfig } from '@drydock/kit';
import type { ReleaseConfig } from './config.ts';

/** Where an instance says that it can take traffic. Of a product whose config leaves all of that to the commit, a health route that anybody may ask says it. */
export function readyPathOf(
  config: LoadedConfig,
  environment: Environment,
  { app, artifact }: Pick<ReleaseConfig, 'app' | 'artifact'>,
): string {
  if (app.readyPath !== undefined) return app.readyPath;
  const byItself = artifact.include === undefined && healthToken(config, environment) === null;
  return byItself ? healthSection.of(config).path : '/readyz';
}
