import { type LoadedConfig, usageError } from '@drydock/kit';

export type ReleaseConfig = NonNullable<LoadedConfig['release']>;

/** The product's release section, or a usage error that says where it belongs. */
export function releaseConfig(config: LoadedConfig): ReleaseConfig {
  if (config.release) return config.release;
  throw usageError(
    'RELEASE_NOT_CONFIGURED',
    `${config.file} has no "release" section.`,
    'Add one: which files make the artefact, how it is started, and the proxy in front.',
  );
}
