import { existsSync, readFileSync } from 'node:fs';
import { healthSection } from '@drydock/health';
import {
  type Environment,
  environmentSettings,
  type LoadedConfig,
  type ProxySettings,
  slugOf,
  usageError,
} from '@drydock/kit';
import { releaseConfig } from '../config.ts';
import { readyPathOf } from '../ready-path.ts';

/** HAProxy as the config wants it in front of one environment. */
export function wantedProxy(config: LoadedConfig, environment: Environment): ProxySettings {
  const release = releaseConfig(config);
  const { proxy, local, maintenance } = release;
  return {
    owner: `${slugOf(config.product)}/${environment.name}`,
    bind: proxy.bind ?? bindOf(config, environment),
    socket: environment.require(proxy.socket),
    stateFile: environment.require(proxy.stateFile),
    backend: proxy.backend,
    servers: local.instances,
    readyPath: readyPathOf(config, environment, release),
    through: [healthSection.of(config).path, ...maintenance.through],
  };
}

/** Environments of one machine have an address each: where that is one of ours, it says where to listen. */
function bindOf(config: LoadedConfig, environment: Environment): string {
  const { hostname, port, protocol } =
    URL.parse(environment.get(environmentSettings(config, environment.name).url) ?? '') ?? {};
  const ours = protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname ?? '');
  return ours && port ? `${hostname === 'localhost' ? '127.0.0.1' : hostname}:${port}` : '127.0.0.1:8080';
}

/** The product's own page for maintenance, where it has one. */
export function maintenancePage(config: LoadedConfig): string | undefined {
  const { page } = releaseConfig(config).maintenance;
  if (page === undefined) return undefined;
  const file = config.path(page);
  if (!existsSync(file))
    throw usageError(
      'PAGE_MISSING',
      `release.maintenance.page names ${file}, and there is no such file.`,
      'Make it, or leave the key out: then a plain page is shown.',
    );
  // For HAProxy a percent sign begins what it fills in.
  return readFileSync(file, 'utf8').replaceAll('%', '%%');
}
