import factory from '@drydock/escrow/artifacts/first/EscrowFactory.json' with { type: 'json' };
import type { Abi, Address, Hex } from 'viem';
import { admin, type connect } from './world.ts';

/** The factory as it was first made, with its escrows: on chains, and not to be changed there. */
export async function deployFirst(chain: ReturnType<typeof connect>): Promise<Address> {
  const code = { abi: factory.abi as Abi, bytecode: factory.bytecode as Hex, args: [admin.address] };
  const hash = await chain.deployContract({ ...code, account: admin, chain: null });
  return (await chain.waitForTransactionReceipt({ hash })).contractAddress as Address;
}
