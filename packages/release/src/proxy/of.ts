import { command, type Environment, hint, type LoadedConfig, slugOf, usageError } from '@drydock/kit';
import { releaseConfig } from '../config.ts';
import { Haproxy } from './haproxy.ts';

/** Where it is not said how it is reached, what it needs is not known either: both are told at once, with what comes next. */
export function refuseNoProxy(config: LoadedConfig, environment: Environment): void {
  const { socket, stateFile } = releaseConfig(config).proxy;
  const missing = [socket, stateFile].filter((name) => !environment.has(name));
  if (missing.length === 0) return;
  const folder = `/srv/${slugOf(config.product)}/${environment.name}`;
  const examples: Record<string, string> = {
    [socket]: `${folder}/haproxy.sock`,
    [stateFile]: `${folder}/servers.state`,
  };
  throw usageError(
    'VARIABLE_MISSING',
    `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set for ${environment.name}: HAProxy, which sends people to a version, cannot be reached.`,
    hint`${missing.map((name) => `${name}='${examples[name]}'`).join('   ')} in .env.${environment.name}.local, and then what HAProxy needs: ${command('release:proxy', { write: `${folder}/haproxy.cfg` })}`,
  );
}

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
