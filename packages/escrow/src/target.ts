import {
  type Environment,
  type EnvName,
  type LoadedConfig,
  operatorUrl,
  registerSecret,
  Secret,
  usageError,
} from '@drydock/kit';
import type { Abi, Address } from 'viem';
import { loadAbi, requireEvent, requireFunction } from './abi.ts';
import { walletIn } from './chain/address.ts';
import { type ChainConfig, chainOf } from './config/chain.ts';
import { type EscrowConfig, escrowSection } from './config/escrow.ts';

export type Tables = EscrowConfig['database'];

const TERMS = ['client', 'freelancer', 'amounts'] as const;
/** As the schema has them: whoever did not name them has perhaps none. */
const USUAL: Record<(typeof TERMS)[number], string> = {
  client: 'client',
  freelancer: 'freelancer',
  amounts: 'milestones',
};

/** What every escrow task works on: one chain, one factory, one database, as the config names them. */
export interface Target {
  env: EnvName;
  /** Folder with `.drydock`: earlier runs know which transactions they sent. */
  root: string;
  chain: ChainConfig;
  escrow: EscrowConfig;
  rpcUrls: Secret[];
  factory: Address;
  abi: { factory: Abi; escrow: Abi };
  /** What the escrow tells of how it was made; null where it does not. */
  terms: Record<(typeof TERMS)[number], string | null>;
  databaseUrl: Secret;
}

/** Everything that can be told wrong without asking the chain or the database is told here (exit 2). */
export async function targetOf(
  config: LoadedConfig,
  environment: Environment,
  /** `database: false`: a task that asks the contracts alone wants no variable of the database. */
  { database = true } = {},
): Promise<Target> {
  const [chain, escrow] = [chainOf(config), escrowSection.of(config)];
  if (!chain)
    throw usageError(
      'CHAIN_MISSING',
      `${config.file} has no section "chain".`,
      'Add one: chain: { chainId: 1 }, with the variables CHAIN_RPC_URL and ESCROW_FACTORY_ADDRESS.',
    );
  const abi = { factory: loadAbi(config, 'factory'), escrow: loadAbi(config, 'escrow') };
  requireFunction(abi.factory, escrow.create.function, 'escrow.create');
  requireFunction(abi.escrow, escrow.rollback.function, 'escrow.rollback');
  requireFunction(abi.escrow, escrow.reads.rolledBack.function, 'escrow.reads.rolledBack');
  requireFunction(abi.escrow, escrow.reads.unreleased, 'escrow.reads.unreleased');
  if (escrow.reads.released) requireFunction(abi.escrow, escrow.reads.released, 'escrow.reads.released');
  requireEvent(abi.factory, escrow.created.event, 'escrow.created');
  for (const name of [escrow.reads.rolledBackEvent, escrow.reads.releasedEvent])
    if (name) requireEvent(abi.escrow, name, 'escrow.reads');
  return {
    env: environment.name,
    root: config.root,
    chain,
    escrow,
    rpcUrls: rpcUrlsOf(environment, chain.rpcUrl),
    factory: await addressIn(environment, chain.escrowFactory),
    abi,
    terms: termsOf(abi.escrow, escrow),
    databaseUrl: database ? operatorUrl(config, environment) : new Secret('', 'the database, which is not asked'),
  };
}

function termsOf(abi: Abi, { reads }: EscrowConfig): Target['terms'] {
  const entries = TERMS.map((key) => {
    const name = reads[key];
    const known = abi.some((item) => item.type === 'function' && item.name === name && item.inputs.length === 0);
    if (name !== null && !known && name !== USUAL[key]) requireFunction(abi, name, `escrow.reads.${key}`);
    return [key, known ? name : null];
  });
  return Object.fromEntries(entries);
}

/** Each a secret of its own: most providers' URLs carry a key. */
function rpcUrlsOf(environment: Environment, variable: string): Secret[] {
  const urls = environment
    .require(variable)
    .split(',')
    .map((url) => url.trim())
    .filter(Boolean);
  const bad = urls.findIndex((url) => !/^https?:$/.test(URL.parse(url)?.protocol ?? ''));
  if (urls.length === 0 || bad !== -1)
    throw usageError(
      'RPC_URL_MALFORMED',
      `${variable} of ${environment.name} must be one or more http(s) URLs, separated by commas${bad > 0 ? ` (number ${bad + 1} is not)` : ''}.`,
      `For example: ${variable}='https://rpc.example/v1,https://other.example'`,
    );
  for (const part of urls.flatMap(partsOf)) registerSecret(part);
  return urls.map((url) => new Secret(url, variable));
}

const SHORTEST_KEY = 8;

/**
 * What a library or a provider may repeat of such a URL without the rest: it without its user, its path and query, and each piece of
 * these that is no word. Any of them may be the key.
 */
function partsOf(url: string): string[] {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  const { href, pathname, search, searchParams } = bare;
  const pieces = [...pathname.split('/'), ...searchParams.values()].filter(
    (piece) => piece.length >= SHORTEST_KEY && /\d/.test(piece),
  );
  return pathname === '/' && search === '' ? [] : [href, `${pathname}${search}`, ...pieces];
}

/** A checksummed address from a variable; a wrong checksum (EIP-55) is a slip of the hand. */
export async function addressIn(environment: Environment, variable: string): Promise<Address> {
  return checkedAddress(environment.require(variable), variable);
}

export async function checkedAddress(text: string, what: string): Promise<Address> {
  const address = walletIn(text);
  if (!address)
    throw usageError(
      'ADDRESS_MALFORMED',
      `${what} is ${JSON.stringify(text)}, which is no address, or its checksum (EIP-55) is wrong.`,
      'Copy it again from where it came from.',
    );
  return address;
}
