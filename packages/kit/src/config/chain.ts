import { z } from 'zod';
import { defineSection, type SectionInput } from './section.ts';

/** Which chain is meant, and how one gets there: what every feature needs of it. */
export const chainSection = defineSection({
  key: 'chain',
  about: 'The EVM chain that holds the escrows. Left out, the product has none.',
  schema: z.strictObject({
    rpcUrl: z.string().default('CHAIN_RPC_URL').describe('Variable with one or more RPC URLs, separated by commas.'),
    chainId: z.number().int().positive().describe('The chain that is meant; a node on another one is refused.'),
  }),
  example: { chainId: 1 },
  optional: true,
  kinds: ({ rpcUrl }) => ({ [rpcUrl]: 'url' }),
});

/** What a product writes under `chain`; packages that read more of it add their keys. */
export interface ChainKeys extends SectionInput<typeof chainSection> {}
