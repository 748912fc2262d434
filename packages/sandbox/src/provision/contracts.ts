import type { EnvName } from '@drydock/kit';
import { MNEMONIC, rpc } from '../services/anvil.ts';
import { type SandboxState, secretsOf } from '../state.ts';

/** The product's contracts, once per environment. On a chain that still has them nothing is loaded or sent. */
export async function provisionContracts(state: SandboxState, port: number): Promise<void> {
  const environments = Object.keys(state.environments);
  if (state.contracts && (await allThere(environments, state.contracts, port))) return;
  const { deployContracts } = await import('@drydock/escrow/contracts');
  const contracts: NonNullable<SandboxState['contracts']> = {};
  for (const env of environments) {
    const { escrowFactory, certificate } = await deployContracts({
      rpcUrl: `http://127.0.0.1:${port}`,
      adminKey: await adminKey(state, env),
      salt: `drydock ${env}`,
      // Whoever plays does not wait for a day.
      adminDelayS: 0,
    });
    contracts[env] = { escrowFactory, certificate };
  }
  state.contracts = contracts;
}

async function allThere(
  environments: string[],
  contracts: NonNullable<SandboxState['contracts']>,
  port: number,
): Promise<boolean> {
  if (environments.some((env) => !contracts[env])) return false;
  const addresses = Object.values(contracts).flatMap(({ escrowFactory, certificate }) => [escrowFactory, certificate]);
  const codes = await Promise.all(addresses.map((address) => rpc<string>(port, 'eth_getCode', [address, 'latest'])));
  return codes.every((code) => code.length > 2);
}

export async function adminKey(state: SandboxState, env: EnvName): Promise<`0x${string}`> {
  const { mnemonicToAccount } = await import('viem/accounts');
  const key = mnemonicToAccount(MNEMONIC, { addressIndex: secretsOf(state, env).account ?? 0 }).getHdKey().privateKey;
  return `0x${Buffer.from(key as Uint8Array).toString('hex')}`;
}
