import { z } from 'zod';

export const chainSchema = z.strictObject({
  /** Variable with one or more RPC URLs, separated by commas. */
  rpcUrl: z.string().default('CHAIN_RPC_URL'),
  chainId: z.number().int().positive(),
  /** Variables with the contracts' addresses. */
  escrowFactory: z.string().default('ESCROW_FACTORY_ADDRESS'),
  certificate: z.string().default('CERTIFICATE_ADDRESS'),
});
