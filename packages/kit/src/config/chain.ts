import { z } from 'zod';

const MINUTE = 60_000;

export const chainSchema = z.strictObject({
  /** Variable with one or more RPC URLs, separated by commas. */
  rpcUrl: z.string().default('CHAIN_RPC_URL'),
  chainId: z.number().int().positive(),
  /** Variables with the contracts' addresses. */
  escrowFactory: z.string().default('ESCROW_FACTORY_ADDRESS'),
  certificate: z.string().default('CERTIFICATE_ADDRESS'),
  /** Blocks that must stand on a transaction, its own included, before the database believes it. */
  confirmations: z.number().int().min(1).default(3),
  /** How far the newest block's time may be from this machine's before a write is refused; null where blocks are made on demand. */
  maxBlockAgeMs: z
    .number()
    .int()
    .positive()
    .nullable()
    .default(2 * MINUTE),
  /** Longest wait for one transaction before it is replaced at the same nonce. */
  minedWithinMs: z
    .number()
    .int()
    .positive()
    .default(3 * MINUTE),
  /** How often one run replaces a transaction that is not mined in time. */
  replacements: z.number().int().min(0).default(2),
  /** Most that a transaction may offer per gas, in gwei; --max-fee sets another for one run. */
  maxFeeGwei: z.number().positive().default(200),
  /** How often the chain is asked while waiting. */
  pollMs: z.number().int().positive().default(1_000),
  /** Longest wait for one answer of an RPC. */
  timeoutMs: z.number().int().positive().default(10_000),
  /** The first block that can hold anything of the product. */
  startBlock: z.number().int().min(0).default(0),
  /** Most blocks that the RPC lets one eth_getLogs ask for. */
  logRange: z.number().int().positive().default(10_000),
});
