import type { Environment, LoadedConfig } from '@drydock/kit';
import { secretsSection } from './config.ts';
import { noProduct } from './product.ts';
import { rotatorOf } from './rotators/all.ts';

/**
 * The variables of each secret under rotation, the product's and the operators', by the name that people type. Nothing and nobody is asked: the config
 * tells.
 */
export async function rotatedVariables(
  config: LoadedConfig,
  environment: Environment,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rotate = secretsSection.of(config)?.rotate ?? {};
  const all = Object.entries(rotate).map(async ([name, secret]): Promise<[string, readonly string[]]> => {
    const open = await rotatorOf(secret);
    const { variables } = open({
      ...{ config, environment, name, secret, product: noProduct },
      rotation: { id: '', generation: 0, emergency: false },
      ask: (what) => Promise.reject(new Error(`${what} is asked for in a rotation alone`)),
      signal: new AbortController().signal,
      onLine() {},
    });
    return [name, variables];
  });
  return new Map(await Promise.all(all));
}

/** Which secret a variable belongs to: those under rotation by the names that people type, and the variables that are under none. */
export async function secretsOfVariables(
  config: LoadedConfig,
  environment: Environment,
  variables: readonly string[],
): Promise<{ secrets: string[]; none: string[] }> {
  const rotated = [...(await rotatedVariables(config, environment))];
  return {
    secrets: rotated.filter(([, own]) => own.some((name) => variables.includes(name))).map(([secret]) => secret),
    none: variables.filter((name) => !rotated.some(([, own]) => own.includes(name))),
  };
}
