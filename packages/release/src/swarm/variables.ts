import type { Environment, LoadedConfig } from '@drydock/kit';

/**
 * What an environment has for the product: its files, what is declared, and what config takes from a shell; nothing of this machine, whose PATH
 * and HOME are no container's.
 */
export function containerVariables(
  config: LoadedConfig,
  environment: Environment,
  inherit: readonly string[],
): Record<string, string> {
  const isOfTheProduct = (name: string) =>
    name === 'DRYDOCK_ENV' ||
    inherit.includes(name) ||
    environment.isInFile(name) ||
    config.variables[name] !== undefined ||
    config.named.has(name);
  return Object.fromEntries(Object.entries(environment.forChild('product')).filter(([name]) => isOfTheProduct(name)));
}
