import type { CallValues } from '../abi.ts';
import type { EscrowConfig } from '../config/escrow.ts';

type Contract = 'factory' | 'escrow';

/** What a parameter or an answer may be. */
export type Kind = 'number' | 'flag' | 'state' | 'address' | 'id' | 'salt' | 'amounts' | 'role';

/** Types of the ABI that the tasks can give or read. */
export const TYPES: Record<Kind, { pattern: RegExp; shown: string }> = {
  number: { pattern: /^uint\d*$/, shown: 'a uint' },
  flag: { pattern: /^bool$/, shown: 'a bool' },
  state: { pattern: /^uint\d*$/, shown: 'an enum or a uint' },
  address: { pattern: /^address$/, shown: 'an address' },
  id: { pattern: /^(string|uint\d*|bytes32)$/, shown: 'a string, a uint or bytes32' },
  salt: { pattern: /^(bytes32|uint256)$/, shown: 'bytes32 or uint256' },
  amounts: { pattern: /^uint\d*(\[\])?$/, shown: 'uint256[] or one uint' },
  role: { pattern: /^bytes32$/, shown: 'bytes32' },
};

const GIVEN: Record<keyof CallValues, Kind> = {
  jobId: 'id',
  salt: 'salt',
  client: 'address',
  freelancer: 'address',
  amounts: 'amounts',
  total: 'number',
};

/** `named`: what the config calls it; for people it stands beside the place. */
interface Common {
  contract: Contract;
  /** Path in the config. */
  key: string;
  name: string;
  /** What the tasks do with it, or do without. */
  about: string;
  /** Without it no task works; otherwise what it would tell is not told. */
  needed: boolean;
}

export interface RequiredFunction extends Common {
  type: 'function';
  inputs: Kind[];
  /** Undefined: whatever it returns is not looked at. */
  output: Kind | undefined;
  /** Values that the tasks cannot give it. */
  ungiven: string[];
}

export interface RequiredEvent extends Common {
  type: 'event';
  /** By name, and what it is. */
  parameters: { name: string; kind: Kind }[];
  /** Of the first parameter, whatever its name. */
  first: Kind | undefined;
}

export type Required = RequiredFunction | RequiredEvent;

type Called = { function: string; args: (keyof CallValues)[] };

/** All that the tasks ask of the contracts, as the config names it. The table of docs/ESCROW_CONTRACTS.md has a line for each key. */
export function requiredOf(escrow: EscrowConfig): Required[] {
  const { reads, roles, created, address } = escrow;
  const view = (key: string, name: string, output: Kind, about: string, needed = true): RequiredFunction => ({
    ...{ contract: 'escrow', type: 'function', key: `escrow.reads.${key}`, name, about, needed },
    ...{ inputs: [], output, ungiven: [] },
  });
  const event = (key: string, name: string, about: string, first?: Kind): RequiredEvent => ({
    ...{ contract: 'escrow', type: 'event', key: `escrow.reads.${key}`, name, about, needed: true },
    ...{ parameters: [], first },
  });
  const optional = (name: string | null, make: (name: string) => Required) => (name === null ? [] : [make(name)]);
  const role = (key: 'create' | 'rollback'): RequiredFunction => ({
    ...{ contract: 'factory', type: 'function', key: `escrow.roles.${key}`, name: roles[key], needed: false },
    ...{ about: 'who may is told before anything is sent', inputs: [], output: 'role', ungiven: [] },
  });
  return [
    called('factory', 'escrow.create', escrow.create, 'makes and funds an escrow', undefined, ALL),
    ...addressRule(address),
    {
      ...{ contract: 'factory', type: 'event', key: 'escrow.created', name: created.event, needed: true },
      about: 'finds the transaction that made an escrow, and escrows without a job',
      parameters: [
        { name: created.escrow, kind: 'address' },
        ...(created.jobId === null ? [] : [{ name: created.jobId, kind: 'id' as const }]),
      ],
      first: undefined,
    },
    role('create'),
    role('rollback'),
    {
      ...{ contract: 'factory', type: 'function', key: 'escrow.roles', name: 'hasRole', needed: false },
      ...{ about: 'who may is told before anything is sent', inputs: ['role', 'address'], output: 'flag', ungiven: [] },
    },
    called('escrow', 'escrow.rollback', escrow.rollback, 'gives back what is unreleased', undefined, OF_JOB),
    view('unreleased', reads.unreleased, 'number', 'what is not paid out yet'),
    view(
      'rolledBack',
      reads.rolledBack.function,
      typeof reads.rolledBack.equals === 'boolean' ? 'flag' : 'state',
      'whether it is rolled back',
    ),
    ...optional(reads.client, (name) =>
      view('client', name, 'address', 'compared before a job is told of its escrow', name !== 'client'),
    ),
    ...optional(reads.freelancer, (name) =>
      view('freelancer', name, 'address', 'compared before a job is told of its escrow', name !== 'freelancer'),
    ),
    ...optional(reads.amounts, (name) =>
      view('amounts', name, 'amounts', 'compared before a job is told of its escrow', name !== 'milestones'),
    ),
    ...optional(reads.released, (name) => ({
      ...view('released', name, 'flag', 'whether milestone N is paid'),
      inputs: ['number'],
    })),
    ...optional(reads.rolledBackEvent, (name) =>
      event('rolledBackEvent', name, 'who rolled it back, by which transaction, how much'),
    ),
    ...optional(reads.releasedEvent, (name) =>
      event('releasedEvent', name, 'which transaction paid a milestone', 'number'),
    ),
  ];
}

const ALL = Object.keys(GIVEN) as (keyof CallValues)[];
/** What is known where only the job's id is. */
const OF_JOB: (keyof CallValues)[] = ['jobId', 'salt'];

function called(
  contract: Contract,
  key: string,
  { function: name, args }: Called,
  about: string,
  output: Kind | undefined,
  givable: (keyof CallValues)[],
): RequiredFunction {
  const ungiven = args.filter((arg) => !givable.includes(arg));
  return {
    contract,
    type: 'function',
    key,
    name,
    about,
    needed: true,
    inputs: args.map((arg) => GIVEN[arg]),
    output,
    ungiven,
  };
}

function addressRule(address: EscrowConfig['address']): RequiredFunction[] {
  const about = 'where the escrow of a job is, or will be';
  if (address.kind === 'create2') return [];
  if (address.kind === 'function') return [called('factory', 'escrow.address', address, about, 'address', OF_JOB)];
  const rule = { function: address.implementation, args: [] };
  return [called('factory', 'escrow.address.implementation', rule, about, 'address', [])];
}
