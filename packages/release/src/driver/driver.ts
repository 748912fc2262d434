import type { Environment, LoadedConfig } from '@drydock/kit';
import { releaseConfig } from '../config.ts';
import { LocalDriver } from './local.ts';
import type { Driver } from './types.ts';

/** What release.driver asks for. */
export function driverOf(config: LoadedConfig, environment: Environment): Driver {
  return new LocalDriver(config, releaseConfig(config), environment);
}
