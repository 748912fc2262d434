import type { LoadedConfig } from '@drydock/kit';
import { loadConfig } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';

const loaded = await loadConfig(undefined, makeStrangeProduct({}));

/** The defaults, as a config without a word about health gives them. */
export function healthSettings(): LoadedConfig['health'] {
  return loaded.health;
}
