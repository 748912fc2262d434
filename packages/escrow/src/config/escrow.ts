import {
  defineSection,
  type EnvName,
  environmentName,
  environmentSettings,
  type LoadedConfig,
  type SectionInput,
  type SectionOutput,
} from '@drydock/kit';
import { z } from 'zod';
import { escrowTablesSchema } from './tables.ts';

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

const KEYSTORE = keySchema.parse({ kind: 'keystore' });

const escrowSchema = z.strictObject({
  abi: z
    .strictObject({ factory: z.string().optional(), escrow: z.string().optional() })
    .prefault({})
    .describe("ABI files (an array, or an object with `abi`), relative to the config; unset: the reference product's."),
  salt: z
    .enum(['keccak256', 'uint256', 'uuid', 'bytes32'])
    .default('keccak256')
    .describe("How a job's id becomes the salt of its escrow."),
  address: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('clone'), implementation: z.string().default('implementation') }),
      z.strictObject({ kind: z.literal('create2'), initCodeHash: z.string().regex(/^0x[0-9a-fA-F]{64}$/) }),
      z.strictObject({ kind: z.literal('function'), ...call.shape }),
    ])
    .prefault({ kind: 'clone' })
    .describe(
      "How the address follows from the salt: a minimal proxy (ERC-1167) of what the factory's function names, any code by the hash of its init code, or whatever the factory's own function says.",
    ),
  create: call.prefault({ function: 'createEscrow', args: ['jobId', 'client', 'freelancer', 'amounts'] }),
  rollback: call.prefault({ function: 'rollback' }),
  created: z
    .strictObject({ event: z.string(), jobId: z.string().nullable(), escrow: z.string() })
    .default({ event: 'EscrowCreated', jobId: 'jobId', escrow: 'escrow' })
    .describe(
      "The factory's event, and which of its parameters are the job's id (null if it has none) and the address.",
    ),
  reads: z
    .strictObject({
      unreleased: z.string().default('unreleased').describe('What is not paid out yet.'),
      rolledBack: z
        .strictObject({
          function: z.string(),
          equals: z.union([z.boolean(), z.number().int().min(0).max(255)]).default(true),
        })
        .prefault({ function: 'rolledBack' })
        .describe('`equals` for a contract that tells it by a number (an enum).'),
      client: z
        .string()
        .nullable()
        .default('client')
        .describe(
          'What it was made with: who gave the money, who is paid, how much for each milestone. Compared before a job is told of it.',
        ),
      freelancer: z.string().nullable().default('freelancer'),
      amounts: z.string().nullable().default('milestones'),
      released: z.string().nullable().default('released').describe('Was milestone N paid?'),
      rolledBackEvent: z.string().nullable().default('RolledBack'),
      releasedEvent: z
        .string()
        .nullable()
        .default('MilestoneReleased')
        .describe("With the milestone's number as its first parameter."),
    })
    .prefault({})
    .describe("The escrow's view functions and events. Null where the contract has none."),
  roles: z
    .strictObject({ create: z.string().default('OPERATOR_ROLE'), rollback: z.string().default('DEFAULT_ADMIN_ROLE') })
    .prefault({})
    .describe('Constants of the factory (AccessControl) that name who may create and who may roll back.'),
  stuckAfterMs: z
    .number()
    .int()
    .positive()
    .default(15 * 60_000)
    .describe('A job whose escrow is pending for longer is stuck.'),
  sendLock: z
    .number()
    .int()
    .nullable()
    .default(7_203_401)
    .describe('Advisory lock under which the product itself sends from the same account; null if it takes none.'),
  key: z.record(environmentName, keySchema).default({}).describe('Who signs, per environment.'),
  safe: z.string().default('ESCROW_SAFE_ADDRESS').describe('Variable with the Safe that --propose addresses.'),
  database: escrowTablesSchema.prefault({}),
});

export const escrowSection = defineSection({
  key: 'escrow',
  about:
    "The product's own contracts and tables: how they are called, and who signs. The defaults are the reference product's.",
  schema: escrowSchema,
  example: {
    abi: { factory: 'contracts/Factory.json', escrow: 'contracts/Escrow.json' },
    salt: 'uuid',
    database: { schema: 'shop', jobs: 'deals', amounts: { column: 'price' } },
  },
  operators: ({ key }) =>
    [KEYSTORE, ...Object.values(key)].flatMap((one) => (one.kind === 'keystore' ? [one.file, one.password] : [])),
});

declare module '@drydock/kit' {
  interface ConfigSections {
    escrow?: SectionInput<typeof escrowSection>;
  }
}

export type EscrowConfig = SectionOutput<typeof escrowSection>;
export type KeyConfig = z.output<typeof keySchema>;

/** Where the config says nothing: a variable where developers work, otherwise a keystore. */
const VARIABLE = keySchema.parse({ kind: 'env' });

export function keyOf(config: LoadedConfig, env: EnvName): KeyConfig {
  const usual = environmentSettings(config, env).serves === 'developers' ? VARIABLE : KEYSTORE;
  return escrowSection.of(config).key[env] ?? usual;
}
