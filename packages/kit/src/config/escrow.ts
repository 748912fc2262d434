import { z } from 'zod';
import { escrowTablesSchema } from './escrow-tables.ts';

/** What a contract's function may be given; `salt` is the job's id by the salt rule, `total` the sum of the amounts. */
const argument = z.enum(['jobId', 'salt', 'client', 'freelancer', 'amounts', 'total']);
const call = z.strictObject({ function: z.string(), args: z.array(argument).default([]) });

const keySchema = z.discriminatedUnion('kind', [
  /** A private key in a variable. Development only. */
  z.strictObject({ kind: z.literal('env'), variable: z.string().default('ESCROW_ADMIN_KEY') }),
  /** Variables with the path of an encrypted keystore (Web3 Secret Storage, version 3) and with its password. */
  z.strictObject({
    kind: z.literal('keystore'),
    file: z.string().default('ESCROW_KEYSTORE'),
    password: z.string().default('ESCROW_KEYSTORE_PASSWORD'),
  }),
  /** Variables with the id of an AWS KMS key (ECC_SECG_P256K1), its region, and an endpoint if it is not AWS's own. */
  z.strictObject({
    kind: z.literal('kms'),
    keyId: z.string().default('ESCROW_KMS_KEY_ID'),
    region: z.string().default('AWS_REGION'),
    endpoint: z.string().default('AWS_ENDPOINT_URL_KMS'),
  }),
]);
const keystore = { kind: 'keystore' } as const;

export const escrowSchema = z.strictObject({
  /** ABI files (an array, or an object with `abi`), relative to the config; unset: the reference product's. */
  abi: z.strictObject({ factory: z.string().optional(), escrow: z.string().optional() }).prefault({}),
  /** How a job's id becomes the salt of its escrow. */
  salt: z.enum(['keccak256', 'uint256', 'uuid', 'bytes32']).default('keccak256'),
  /**
   * How the address follows from the salt: a minimal proxy (ERC-1167) of what the factory's function names, any code
   * by the hash of its init code, or whatever the factory's own function says.
   */
  address: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('clone'), implementation: z.string().default('implementation') }),
      z.strictObject({ kind: z.literal('create2'), initCodeHash: z.string().regex(/^0x[0-9a-fA-F]{64}$/) }),
      z.strictObject({ kind: z.literal('function'), ...call.shape }),
    ])
    .prefault({ kind: 'clone' }),
  create: call.prefault({ function: 'createEscrow', args: ['jobId', 'client', 'freelancer', 'amounts'] }),
  rollback: call.prefault({ function: 'rollback' }),
  /** The factory's event, and which of its parameters are the job's id (null if it has none) and the address. */
  created: z
    .strictObject({ event: z.string(), jobId: z.string().nullable(), escrow: z.string() })
    .default({ event: 'EscrowCreated', jobId: 'jobId', escrow: 'escrow' }),
  /** The escrow's view functions and events. Null where the contract has none. */
  reads: z
    .strictObject({
      /** What is not paid out yet. */
      unreleased: z.string().default('unreleased'),
      /** `equals` for a contract that tells it by a number (an enum). */
      rolledBack: z
        .strictObject({
          function: z.string(),
          equals: z.union([z.boolean(), z.number().int().min(0).max(255)]).default(true),
        })
        .prefault({ function: 'rolledBack' }),
      /** What it was made with: who gave the money, who is paid, how much for each milestone. Compared before a job is told of it. */
      client: z.string().nullable().default('client'),
      freelancer: z.string().nullable().default('freelancer'),
      amounts: z.string().nullable().default('milestones'),
      /** Was milestone N paid? */
      released: z.string().nullable().default('released'),
      rolledBackEvent: z.string().nullable().default('RolledBack'),
      /** With the milestone's number as its first parameter. */
      releasedEvent: z.string().nullable().default('MilestoneReleased'),
    })
    .prefault({}),
  /** Constants of the factory (AccessControl) that name who may create and who may roll back. */
  roles: z
    .strictObject({ create: z.string().default('OPERATOR_ROLE'), rollback: z.string().default('DEFAULT_ADMIN_ROLE') })
    .prefault({}),
  /** A job whose escrow is pending for longer is stuck. */
  stuckAfterMs: z
    .number()
    .int()
    .positive()
    .default(15 * 60_000),
  /** Advisory lock under which the product itself sends from the same account; null if it takes none. */
  sendLock: z.number().int().nullable().default(7_203_401),
  /** Who signs, per environment. */
  key: z
    .strictObject({
      development: keySchema.prefault({ kind: 'env' }),
      staging: keySchema.prefault(keystore),
      production: keySchema.prefault(keystore),
    })
    .prefault({}),
  /** Variable with the Safe that --propose addresses. */
  safe: z.string().default('ESCROW_SAFE_ADDRESS'),
  database: escrowTablesSchema.prefault({}),
});
