import firstCertificate from '@drydock/escrow/artifacts/first/Certificate.json' with { type: 'json' };
import firstFactory from '@drydock/escrow/artifacts/first/EscrowFactory.json' with { type: 'json' };
import { deployContracts } from '@drydock/escrow/contracts';
import { openRights } from '@drydock/escrow/rights';
import { loadEnvironment } from '@drydock/kit';
import { silentOutput } from '@drydock/kit/testing';
import { type Abi, type Address, createTestClient, type Hex, http, parseAbi, publicActions, walletActions } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { type Bench, openBench } from '../drive.ts';

export const ROLES = parseAbi([
  'function hasRole(bytes32 role, address account) view returns (bool)',
  'function grantRole(bytes32 role, address account)',
  'function revokeRole(bytes32 role, address account)',
  'function OPERATOR_ROLE() view returns (bytes32)',
  'function beginDefaultAdminTransfer(address newAdmin)',
  'function acceptDefaultAdminTransfer()',
  'function cancelDefaultAdminTransfer()',
]);

/** What the config says of a chain that makes a block for each transaction. */
export const ON_ANVIL = {
  chain: {
    ...{ chainId: 31_337, confirmations: 1, maxBlockAgeMs: null },
    ...{ pollMs: 40, minedWithinMs: 4_000, timeoutMs: 2_000 },
  },
  // Operators have a keystore; where none is set, the key itself signs.
  escrow: {},
};

export interface OnChain {
  rpcUrl: string;
  databaseUrl: string;
  /** Of whoever holds every role. */
  key: Hex;
  factory: string;
  certificate: string;
  /** What else the secret's config and the environment say. */
  secret?: object;
  env?: Record<string, string>;
}

export function connect(rpcUrl: string) {
  return createTestClient({
    mode: 'anvil',
    transport: http(rpcUrl, { retryCount: 0 }),
    pollingInterval: 20,
    cacheTime: 0,
  })
    .extend(publicActions)
    .extend(walletActions);
}

/** An account of its own with ether, and contracts of which it holds every role. */
export async function newContracts(
  rpcUrl: string,
  key: Hex,
  adminDelayS = 0,
): Promise<{ key: Hex; factory: string; certificate: string }> {
  const chain = connect(rpcUrl);
  await chain.setBalance({ address: privateKeyToAccount(key).address, value: 10n ** 20n });
  const { escrowFactory, certificate } = await deployContracts({ rpcUrl, adminKey: key, salt: key, adminDelayS });
  return { key, factory: escrowFactory, certificate };
}

/** The same of the contracts of before, whose admins make others by a grant: they are on chains. */
export async function firstContracts(rpcUrl: string, key: Hex): Promise<Awaited<ReturnType<typeof newContracts>>> {
  const chain = connect(rpcUrl);
  const account = privateKeyToAccount(key);
  await chain.setBalance({ address: account.address, value: 10n ** 20n });
  const deployed = async ({ abi, bytecode }: { abi: unknown[]; bytecode: string }) => {
    const code = { abi: abi as Abi, bytecode: bytecode as Hex, args: [account.address] };
    const hash = await chain.deployContract({ ...code, account, chain: null });
    return (await chain.waitForTransactionReceipt({ hash })).contractAddress as Address;
  };
  return { key, factory: await deployed(firstFactory), certificate: await deployed(firstCertificate) };
}

export async function benchOnChain({
  rpcUrl,
  databaseUrl,
  key,
  factory,
  certificate,
  secret = {},
  env = {},
}: OnChain): Promise<Bench> {
  const bench = await openBench({
    secret: { kind: 'escrow-admin', ...secret },
    env: {
      OPS_DATABASE_URL: databaseUrl,
      CHAIN_RPC_URL: rpcUrl,
      ESCROW_FACTORY_ADDRESS: factory,
      CERTIFICATE_ADDRESS: certificate,
      ESCROW_ADMIN_KEY: key,
      ...env,
    },
    more: ON_ANVIL,
    doors: (config, values) => ({
      chain: ({ contracts }) =>
        openRights({
          config,
          environment: loadEnvironment(config, 'staging', values()),
          out: silentOutput(),
          contracts,
          signal: new AbortController().signal,
        }),
    }),
  });
  return bench;
}
