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

const argument = z.enum(['jobId', 'salt', 'client', 'freelancer', 'amounts', 'total']);
const call = z.strictObject({
  function: z
    .string()
    .describe('As the ABI names it.')
    .meta({ examples: ['createEscrow'] }),
  args: z
    .array(argument)
    .default([])
    .describe("What it is given, in order: `salt` is the job's id by the salt rule, `total` the sum of the amounts."),
});

const keySchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z
      .literal('env')
      .describe(
        '`env`: a private key in a variable, for developers alone. `keystore`: an encrypted file (Web3 Secret Storage, version 3). `kms`: a key of AWS KMS (ECC_SECG_P256K1).',
      ),
    variable: z.string().default('ESCROW_ADMIN_KEY').describe('Variable with the private key.'),
  }),
  z.strictObject({
    kind: z
      .literal('keystore')
      .describe(
        '`env`: a private key in a variable, for developers alone. `keystore`: an encrypted file (Web3 Secret Storage, version 3). `kms`: a key of AWS KMS (ECC_SECG_P256K1).',
      ),
    file: z.string().default('ESCROW_KEYSTORE').describe('Variable with the path of the keystore.'),
    password: z.string().default('ESCROW_KEYSTORE_PASSWORD').describe('Variable with its password.'),
  }),
  z.strictObject({
    kind: z
      .literal('kms')
      .describe(
        '`env`: a private key in a variable, for developers alone. `keystore`: an encrypted file (Web3 Secret Storage, version 3). `kms`: a key of AWS KMS (ECC_SECG_P256K1).',
      ),
    keyId: z.string().default('ESCROW_KMS_KEY_ID').describe('Variable with the id of the key.'),
    region: z.string().default('AWS_REGION').describe('Variable with its region.'),
    endpoint: z
      .string()
      .default('AWS_ENDPOINT_URL_KMS')
      .describe('Variable with the address of the service, if it is not AWS’s own.'),
  }),
]);

const KEYSTORE = keySchema.parse({ kind: 'keystore' });

const escrowSchema = z.strictObject({
  abi: z
    .strictObject({
      factory: z.string().optional().describe('Of the factory.'),
      escrow: z.string().optional().describe('Of an escrow.'),
    })
    .prefault({})
    .describe("ABI files (an array, or an object with `abi`), relative to the config; unset: the reference product's."),
  salt: z
    .enum(['keccak256', 'uint256', 'uuid', 'bytes32'])
    .default('keccak256')
    .describe("How a job's id becomes the salt of its escrow."),
  address: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z
          .literal('clone')
          .describe(
            '`clone`: a minimal proxy (ERC-1167). `create2`: any code, by the hash of its init code. `function`: what the factory itself says.',
          ),
        implementation: z
          .string()
          .default('implementation')
          .describe('Function of the factory that names what is cloned.'),
      }),
      z.strictObject({
        kind: z
          .literal('create2')
          .describe(
            '`clone`: a minimal proxy (ERC-1167). `create2`: any code, by the hash of its init code. `function`: what the factory itself says.',
          ),
        initCodeHash: z
          .string()
          .regex(/^0x[0-9a-fA-F]{64}$/)
          .describe('keccak256 of the init code.')
          .meta({ examples: ['0x…64 digits'] }),
      }),
      z.strictObject({
        kind: z
          .literal('function')
          .describe(
            '`clone`: a minimal proxy (ERC-1167). `create2`: any code, by the hash of its init code. `function`: what the factory itself says.',
          ),
        ...call.shape,
      }),
    ])
    .prefault({ kind: 'clone' })
    .describe(
      "How the address follows from the salt: a minimal proxy (ERC-1167) of what the factory's function names, any code by the hash of its init code, or whatever the factory's own function says.",
    ),
  create: call
    .prefault({ function: 'createEscrow', args: ['jobId', 'client', 'freelancer', 'amounts'] })
    .describe("The factory's function that makes an escrow."),
  rollback: call.prefault({ function: 'rollback' }).describe("The escrow's function that gives the money back."),
  created: z
    .strictObject({
      event: z.string().describe('As the ABI names it.'),
      jobId: z.string().nullable().describe("The parameter that is the job's id; null if it has none."),
      escrow: z.string().describe('The parameter that is the address.'),
    })
    .default({ event: 'EscrowCreated', jobId: 'jobId', escrow: 'escrow' })
    .describe("The factory's event that tells of a new escrow."),
  reads: z
    .strictObject({
      unreleased: z.string().default('unreleased').describe('What is not paid out yet.'),
      rolledBack: z
        .strictObject({
          function: z.string().describe('As the ABI names it.'),
          equals: z
            .union([z.boolean(), z.number().int().min(0).max(255)])
            .default(true)
            .describe('What it says of an escrow that is rolled back.'),
        })
        .prefault({ function: 'rolledBack' })
        .describe('Is it rolled back?'),
      client: z
        .string()
        .nullable()
        .default('client')
        .describe('Who gave the money. Compared, as the next two, before a job is told of its escrow.'),
      freelancer: z.string().nullable().default('freelancer').describe('Who is paid.'),
      amounts: z.string().nullable().default('milestones').describe('How much for each milestone.'),
      released: z.string().nullable().default('released').describe('Was milestone N paid?'),
      rolledBackEvent: z.string().nullable().default('RolledBack').describe('Event that tells of it.'),
      releasedEvent: z
        .string()
        .nullable()
        .default('MilestoneReleased')
        .describe('Event that tells of a milestone that was paid, with its number as the first parameter.'),
    })
    .prefault({})
    .describe("The escrow's view functions and events. Null where the contract has none."),
  roles: z
    .strictObject({
      create: z.string().default('OPERATOR_ROLE').describe('Who may create.'),
      rollback: z.string().default('DEFAULT_ADMIN_ROLE').describe('Who may roll back.'),
    })
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
  key: z
    .record(environmentName, keySchema)
    .default({})
    .describe('Who signs, by environment. By itself a variable where developers work, otherwise a keystore.'),
  safe: z.string().default('ESCROW_SAFE_ADDRESS').describe('Variable with the Safe that --propose addresses.'),
  database: escrowTablesSchema
    .prefault({})
    .describe('Where the product keeps what it believes about its escrows. Names as the database has them.'),
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
