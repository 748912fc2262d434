import type { Environment, LoadedConfig } from '@drydock/kit';
import { releaseConfig } from '../config.ts';
import { registryImages } from '../swarm/images.ts';
import { LocalDriver } from './local.ts';
import { SwarmDriver } from './swarm.ts';
import type { Driver } from './types.ts';

/** What release.driver asks for. */
export function driverOf(config: LoadedConfig, environment: Environment): Driver {
  const release = releaseConfig(config);
  return release.driver === 'swarm'
    ? new SwarmDriver(config, release, environment, registryImages(config, environment))
    : new LocalDriver(config, release, environment);
}
