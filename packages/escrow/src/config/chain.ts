import { chainSection, defineSection, type LoadedConfig, type SectionInput } from '@drydock/kit';
import { z } from 'zod';

const MINUTE = 60_000;

const chainSchema = z.strictObject({
  escrowFactory: z.string().default('ESCROW_FACTORY_ADDRESS').describe('Variable with the address of the factory.'),
  certificate: z.string().default('CERTIFICATE_ADDRESS').describe('Variable with the address of the certificates.'),
  confirmations: z
    .number()
    .int()
    .min(1)
    .default(3)
    .describe('Blocks that must stand on a transaction, its own included, before the database believes it.'),
  maxBlockAgeMs: z
    .number()
    .int()
    .positive()
    .nullable()
    .default(2 * MINUTE)
    .describe(
      "How far the newest block's time may be from this machine's before a write is refused; null where blocks are made on demand.",
    ),
  minedWithinMs: z
    .number()
    .int()
    .positive()
    .default(3 * MINUTE)
    .describe('Longest wait for one transaction before it is replaced at the same nonce.'),
  replacements: z
    .number()
    .int()
    .min(0)
    .default(2)
    .describe('How often one run replaces a transaction that is not mined in time.'),
  maxFeeGwei: z
    .number()
    .positive()
    .default(200)
    .describe('Most that a transaction may offer per gas, in gwei; --max-fee sets another for one run.'),
  pollMs: z.number().int().positive().default(1_000).describe('How often the chain is asked while waiting.'),
  timeoutMs: z.number().int().positive().default(10_000).describe('Longest wait for one answer of an RPC.'),
  startBlock: z.number().int().min(0).default(0).describe('The first block that can hold anything of the product.'),
  logRange: z
    .number()
    .int()
    .positive()
    .default(10_000)
    .describe('Most blocks that the RPC lets one eth_getLogs ask for.'),
});

/** What only the escrow's tasks need of the chain; how one gets there is kit's part of the key. */
export const contractsSection = defineSection({
  key: 'chain',
  about: 'The contracts on the chain, and how patient the tasks are with it.',
  schema: chainSchema,
  example: { confirmations: 5, maxFeeGwei: 80 },
  optional: true,
});

declare module '@drydock/kit' {
  interface ChainKeys extends SectionInput<typeof contractsSection> {}
}

export type ChainConfig = NonNullable<ReturnType<typeof chainOf>>;

/** Both parts of the key; undefined where the product has no chain. */
export function chainOf(config: LoadedConfig) {
  const [shared, own] = [chainSection.of(config), contractsSection.of(config)];
  return shared && own && { ...shared, ...own };
}
