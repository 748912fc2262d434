import { ENV_NAMES, type EnvName } from '@drydock/kit';
import { MNEMONIC, rpc } from '../services/anvil.ts';
import type { SandboxState } from '../state.ts';

/** Account of the mnemonic that administers an environment's contracts. */
const ACCOUNT: Record<EnvName, number> = { development: 1, staging: 2, production: 3 };

/** The product's contracts, once per environment. On a chain that still has them nothing is loaded or sent. */
export async function provisionContracts(state: SandboxState, port: number): Promise<void> {
  if (state.contracts && (await allThere(state.contracts, port))) return;
  const { deployContracts } = await import('@drydock/escrow/contracts');
  const contracts: Partial<Record<EnvName, { escrowFactory: string; certificate: string }>> = {};
  for (const env of ENV_NAMES) {
    const { escrowFactory, certificate } = await deployContracts({
      rpcUrl: `http://127.0.0.1:${port}`,
      adminKey: await adminKey(env),
      salt: `drydock ${env}`,
    });
    contracts[env] = { escrowFactory, certificate };
  }
  state.contracts = contracts as NonNullable<SandboxState['contracts']>;
}

async function allThere(contracts: NonNullable<SandboxState['contracts']>, port: number): Promise<boolean> {
  const addresses = ENV_NAMES.flatMap((env) => [contracts[env].escrowFactory, contracts[env].certificate]);
  const codes = await Promise.all(addresses.map((address) => rpc<string>(port, 'eth_getCode', [address, 'latest'])));
  return codes.every((code) => code.length > 2);
}

export async function adminKey(env: EnvName): Promise<`0x${string}`> {
  const { mnemonicToAccount } = await import('viem/accounts');
  const key = mnemonicToAccount(MNEMONIC, { addressIndex: ACCOUNT[env] }).getHdKey().privateKey;
  return `0x${Buffer.from(key as Uint8Array).toString('hex')}`;
}
