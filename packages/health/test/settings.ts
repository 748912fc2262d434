import { loadConfig } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { type HealthConfig, healthSection } from '../src/config/health.ts';

const loaded = await loadConfig(undefined, makeStrangeProduct({}));

/** The defaults, as a config without a word about health gives them. */
export function healthSettings(): HealthConfig {
  return healthSection.of(loaded);
}
