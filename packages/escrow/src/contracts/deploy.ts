import { OpsError } from '@drydock/kit';
import type { Abi, Address, Hex } from 'viem';
import { loadArtifact } from './artifacts.ts';

/** The keyless CREATE2 deployer that stands at the same address on most chains (EIP-1014; anvil has it from the start). */
const DEPLOYER: Address = '0x4e59b44847b379578588920cA78FbF26c0B4956C';

export interface DeployInput {
  rpcUrl: string;
  adminKey: Hex;
  /** Different salts give independent sets of contracts on one chain. */
  salt: string;
  /** Seconds between the two steps in which the admin role goes over to another; a day by itself. Of play things: 0. */
  adminDelayS?: number;
}

const DAY_S = 86_400;

export interface Deployed {
  escrowFactory: Address;
  certificate: Address;
  /** Has every role. */
  admin: Address;
}

/** Deploys factory and certificate at addresses that follow from code, admin, delay and salt. What is there already is left. */
export async function deployContracts({ rpcUrl, adminKey, salt, adminDelayS = DAY_S }: DeployInput): Promise<Deployed> {
  const {
    createPublicClient,
    createWalletClient,
    http,
    keccak256,
    stringToBytes,
    encodeDeployData,
    getCreate2Address,
    concat,
  } = await import('viem');
  const { privateKeyToAccount } = await import('viem/accounts');
  const account = privateKeyToAccount(adminKey);
  const transport = http(rpcUrl);
  const reader = createPublicClient({ transport, pollingInterval: 50 });
  const wallet = createWalletClient({ account, transport });
  const saltHash = keccak256(stringToBytes(salt));

  const deploy = async (name: 'EscrowFactory' | 'Certificate'): Promise<Address> => {
    const { abi, bytecode } = loadArtifact(name);
    const code = encodeDeployData({ abi: abi as Abi, bytecode, args: [account.address, adminDelayS] });
    const address = getCreate2Address({ from: DEPLOYER, salt: saltHash, bytecode: code });
    if (await reader.getCode({ address })) return address;
    const hash = await wallet.sendTransaction({ to: DEPLOYER, data: concat([saltHash, code]), chain: null });
    await reader.waitForTransactionReceipt({ hash });
    if (await reader.getCode({ address })) return address;
    throw new OpsError({
      code: 'CONTRACT_NOT_DEPLOYED',
      message: `${name} is not at ${address} after transaction ${hash}.`,
      hint: 'Is the CREATE2 deployer on this chain?',
    });
  };

  try {
    return {
      escrowFactory: await deploy('EscrowFactory'),
      certificate: await deploy('Certificate'),
      admin: account.address,
    };
  } catch (cause) {
    if (cause instanceof OpsError) throw cause;
    const short = (cause as { shortMessage?: string }).shortMessage ?? (cause as Error).message;
    throw new OpsError({
      code: 'CHAIN_FAILED',
      message: `The contracts could not be deployed: ${short}`,
      hint: 'Is the chain up, and has the admin account a balance?',
      cause,
    });
  }
}
