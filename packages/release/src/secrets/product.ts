import type { Environment, LoadedConfig } from '@drydock/kit';
import {
  commandProduct,
  fingerprintsIn,
  type InstanceUse,
  noProduct,
  type Product,
  secretsSection,
} from '@drydock/secrets';
import { releaseSection } from '../config.ts';
import { driverOf } from '../driver/driver.ts';
import { type Deployment, type Driver, UNKNOWN_VERSION } from '../driver/types.ts';

/** What runs in an environment, for a rotation: what a release has started, unless the config names a command that starts it again. */
export function productOf(config: LoadedConfig, environment: Environment): Product {
  const redeploy = secretsSection.of(config)?.redeploy;
  if (redeploy) return commandProduct(config, environment, redeploy);
  return releaseSection.of(config) ? releasedProduct(config, environment) : noProduct;
}

interface Ours {
  driver: Driver;
  live: Deployment;
  /** Beside it, running or not. */
  idle: Deployment | undefined;
}

function releasedProduct(config: LoadedConfig, environment: Environment): Product {
  /** Undefined where what serves was not released by us, or nothing does. */
  const find = async (): Promise<Ours | undefined> => {
    const driver = driverOf(config, environment);
    const { live, idle } = await driver.inspect();
    return live && live.version !== UNKNOWN_VERSION ? { driver, live, idle } : undefined;
  };
  return {
    async describe() {
      const ours = await find();
      if (!ours) return undefined;
      const { driver, live, idle } = ours;
      const count = (await driver.instances(live)).length;
      const warm = idle && (await driver.startedWith(idle)).length > 0;
      const beside = warm ? `, and version ${idle.version}, kept warm in ${driver.placeOf(idle)}` : '';
      return `${count} ${count === 1 ? 'instance' : 'instances'} of version ${live.version} in ${driver.placeOf(live)}${beside}`;
    },
    async redeploy(rolling) {
      environment.reread();
      const ours = await find();
      if (!ours) return noProduct.redeploy(rolling);
      const { driver, live, idle } = ours;
      await driver.restart(live, rolling);
      if (idle) await driver.restart(idle, rolling);
    },
    async uses(variables) {
      const ours = await find();
      if (!ours) return [];
      const { driver, live, idle } = ours;
      const [serving, warm] = await Promise.all([driver.startedWith(live), idle ? driver.startedWith(idle) : []]);
      const used =
        (kept: string) =>
        ({ instance, host, env }: (typeof serving)[number]): InstanceUse => ({
          ...{ instance: `${instance}${kept}`, host, uses: env && fingerprintsIn(env, variables) },
        });
      return [...serving.map(used('')), ...warm.map(used(' (kept warm)'))];
    },
    async addresses() {
      const ours = await find();
      return ours ? (await ours.driver.startedWith(ours.live)).map(({ address }) => address) : [];
    },
  };
}
