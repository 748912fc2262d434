import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

const contract = z.strictObject({
  address: z.string().describe('Variable with its address.'),
  roles: z
    .array(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of a constant, such as OPERATOR_ROLE'))
    .min(1)
    .describe('Names of its constants; those that the old address has, the new one gets.'),
  optionalRoles: z
    .array(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of a constant, such as OPERATOR_ROLE'))
    .default([])
    .describe(
      'The same, of constants that not every version of the contract has: those that it does not know are left out.',
    ),
  probes: z
    .array(
      z.strictObject({
        role: z.string().describe('The role that it needs.'),
        function: z
          .string()
          .describe('As the contract has it, with the types of its parameters.')
          .meta({ examples: ['mint(address to, string jobId)'] }),
        args: z.array(z.json()).default([]).describe('What it is given; `{address}` is the account that is tried.'),
      }),
    )
    .default([])
    .describe(
      'Calls that need a role: simulated from the new address, from the old one and from a stranger; never sent.',
    ),
});

/** The reference product's: see packages/escrow/contracts. */
const CONTRACTS = [
  {
    address: 'ESCROW_FACTORY_ADDRESS',
    roles: ['OPERATOR_ROLE', 'DEFAULT_ADMIN_ROLE'],
    optionalRoles: ['PAUSER_ROLE'],
    probes: [
      {
        role: 'OPERATOR_ROLE',
        function: 'createEscrow(string jobId, address client, address freelancer, uint256[] milestones)',
        args: ['a call that is only simulated', '{address}', '{address}', []],
      },
      { role: 'PAUSER_ROLE', function: 'pause()' },
    ],
  },
  {
    address: 'CERTIFICATE_ADDRESS',
    roles: ['MINTER_ROLE', 'DEFAULT_ADMIN_ROLE'],
    probes: [
      {
        role: 'MINTER_ROLE',
        function: 'mint(address to, string jobId)',
        args: ['{address}', 'a call that is only simulated'],
      },
    ],
  },
];

export const escrowAdminSecret = z
  .strictObject({
    kind: z.literal('escrow-admin'),
    variable: z.string().default('ESCROW_ADMIN_KEY').describe('The variable that holds the private key.'),
    contracts: z
      .array(contract)
      .min(1)
      .prefault(CONTRACTS)
      .describe("Contracts with roles by OpenZeppelin's AccessControl. The defaults are the reference product's."),
    fund: z
      .string()
      .regex(/^\d+(\.\d{1,18})?$/, 'must be an amount of ether, such as 0.5')
      .optional()
      .meta({ examples: ['0.5'] })
      .describe(
        'Ether that the new address gets for its gas, from the operator or from the old address. Left out, nothing is sent, and a new address without ether is told.',
      ),
    sweep: z
      .boolean()
      .default(false)
      .describe('What is left of the old address goes to the new one when its roles have ended.'),
    keystore: z
      .strictObject({
        file: z.string().default('ESCROW_KEYSTORE').describe('Variable with its path.'),
        password: z.string().default('ESCROW_KEYSTORE_PASSWORD').describe('Variable with its password.'),
      })
      .nullable()
      .prefault({})
      .describe(
        "The operator's keystore: where it holds the same key, a new file with the new one is written beside it, and the variable names that. null: it is left alone.",
      ),
    ...commonShape,
  })
  .describe('A key that signs for the product on a chain, with roles of contracts.');
export type EscrowAdminSecret = z.output<typeof escrowAdminSecret>;
