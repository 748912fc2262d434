import { existsSync, readFileSync } from 'node:fs';
import { healthSection } from '@drydock/health';
import { type Environment, type LoadedConfig, type ProxySettings, slugOf, usageError } from '@drydock/kit';
import { releaseConfig } from '../config.ts';

/** HAProxy as the config wants it in front of one environment. */
export function wantedProxy(config: LoadedConfig, environment: Environment): ProxySettings {
  const { proxy, local, app, maintenance } = releaseConfig(config);
  return {
    owner: `${slugOf(config.product)}/${environment.name}`,
    bind: proxy.bind,
    socket: environment.require(proxy.socket),
    stateFile: environment.require(proxy.stateFile),
    backend: proxy.backend,
    servers: local.instances,
    readyPath: app.readyPath,
    through: [healthSection.of(config).path, ...maintenance.through],
  };
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
