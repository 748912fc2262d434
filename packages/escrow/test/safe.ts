// A real Safe, as Safe's own package has it compiled.

import proxyArtifact from '@safe-global/safe-smart-account/build/artifacts/contracts/proxies/SafeProxyFactory.sol/SafeProxyFactory.json' with {
  type: 'json',
};
import safeArtifact from '@safe-global/safe-smart-account/build/artifacts/contracts/Safe.sol/Safe.json' with {
  type: 'json',
};
import { type Abi, type Address, concat, encodeFunctionData, type Hex, parseEventLogs, zeroAddress } from 'viem';
import type { SafeBatch } from '../src/rollback/safe.ts';
import { accountOf, admin, type connect } from './world.ts';

type Chain = ReturnType<typeof connect>;
const abi = safeArtifact.abi as Abi;

export interface Transaction {
  to: Address;
  data: Hex;
}

/** `owners`: of the mnemonic; all of them have to sign. */
export async function deploySafe(chain: Chain, owners: number[]) {
  const mined = async (hash: Promise<Hex>) => chain.waitForTransactionReceipt({ hash: await hash });
  const deployed = async (artifact: { abi: unknown[]; bytecode: string }) => {
    const code = { abi: artifact.abi as Abi, bytecode: artifact.bytecode as Hex };
    return (await mined(chain.deployContract({ ...code, account: admin, chain: null }))).contractAddress as Address;
  };
  const [singleton, factory] = [await deployed(safeArtifact), await deployed(proxyArtifact)];
  const accounts = owners.map(accountOf);
  const setup = encodeFunctionData({
    abi,
    functionName: 'setup',
    args: [
      accounts.map(({ address }) => address),
      BigInt(owners.length),
      ...[zeroAddress, '0x', zeroAddress, zeroAddress, 0n, zeroAddress],
    ],
  });
  const made = await mined(
    chain.writeContract({
      address: factory,
      abi: proxyArtifact.abi as Abi,
      functionName: 'createProxyWithNonce',
      args: [singleton, setup, 1n],
      account: admin,
      chain: null,
    }),
  );
  const [event] = parseEventLogs({ abi: proxyArtifact.abi as Abi, logs: made.logs, eventName: 'ProxyCreation' });
  if (!event) throw new Error('No Safe was made.');
  const address = (event.args as unknown as { proxy: Address }).proxy;

  /** Signed by every owner (EIP-712), and sent by anybody. */
  async function execute({ to, data }: Transaction) {
    const nonce = (await chain.readContract({ address, abi, functionName: 'nonce' })) as bigint;
    const message = {
      to,
      value: 0n,
      data,
      operation: 0,
      safeTxGas: 0n,
      baseGas: 0n,
      gasPrice: 0n,
      gasToken: zeroAddress,
      refundReceiver: zeroAddress,
      nonce,
    };
    const domain = { chainId: await chain.getChainId(), verifyingContract: address };
    const signers = [...accounts].sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
    const signatures = await Promise.all(
      signers.map((one) => one.signTypedData({ domain, types: { SafeTx: SAFE_TX }, primaryType: 'SafeTx', message })),
    );
    const { nonce: _, ...values } = message;
    const args = [...Object.values(values), concat(signatures)];
    return mined(
      chain.writeContract({ address, abi, functionName: 'execTransaction', args, account: accountOf(8), chain: null }),
    );
  }
  return { address, execute };
}

const SAFE_TX = [
  ['address', 'to'],
  ['uint256', 'value'],
  ['bytes', 'data'],
  ['uint8', 'operation'],
  ['uint256', 'safeTxGas'],
  ['uint256', 'baseGas'],
  ['uint256', 'gasPrice'],
  ['address', 'gasToken'],
  ['address', 'refundReceiver'],
  ['uint256', 'nonce'],
].map(([type = '', name = '']) => ({ type, name }));

/** The calls of a batch, as the Transaction Builder makes them of it. */
export function callsOf({ transactions }: SafeBatch): Transaction[] {
  return transactions.map(({ to, data, contractMethod }) => {
    if (data !== null || contractMethod === null) return { to: to as Address, data: data as Hex };
    const item = { type: 'function', ...contractMethod, outputs: [], stateMutability: 'nonpayable' };
    return { to: to as Address, data: encodeFunctionData({ abi: [item] as Abi, functionName: contractMethod.name }) };
  });
}
