import { type Environment, type LoadedConfig, slugOf } from '@drydock/kit';
import { releaseConfig } from '../config.ts';
import { Haproxy } from './haproxy.ts';

/** The proxy in front of an environment. A variable that is missing is told by it. */
export function proxyOf(config: LoadedConfig, environment: Environment): Haproxy {
  const { socket, stateFile, backend } = releaseConfig(config).proxy;
  const owner = `${slugOf(config.product)}/${environment.name}`;
  return new Haproxy({
    socket: environment.require(socket),
    stateFile: environment.require(stateFile),
    backend,
    owner,
  });
}
