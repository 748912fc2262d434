import type { ChainKeys } from './chain.ts';
import type { DatabaseKeys } from './database.ts';

/**
 * What a product writes in drydock.config.ts beside kit's own keys. A package adds its section, and drydock.config.ts is typed by it:
 * `declare module '@drydock/kit' { interface ConfigSections { deals?: SectionInput<typeof dealsSection> } }`.
 */
export interface ConfigSections {
  database?: DatabaseKeys;
  chain?: ChainKeys;
}
