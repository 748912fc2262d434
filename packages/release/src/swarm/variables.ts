import type { Environment, LoadedConfig } from '@drydock/kit';

/** What an environment has for the product, and nothing of this machine: its PATH and HOME are no container's. */
export function containerVariables(config: LoadedConfig, environment: Environment): Record<string, string> {
  const isOfTheProduct = (name: string) =>
    environment.sourceOf(name)?.kind !== 'shell' || config.variables[name] !== undefined;
  return Object.fromEntries(Object.entries(environment.forChild('product')).filter(([name]) => isOfTheProduct(name)));
}
