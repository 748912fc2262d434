import certificate from '@drydock/escrow/artifacts/Certificate.json' with { type: 'json' };
import { type Abi, type Address, createPublicClient, http } from 'viem';

/** Looks at the chain itself, not at what the product says of it. */
export function chainReader(rpcUrl: string) {
  const client = createPublicClient({ transport: http(rpcUrl) });
  return {
    balanceOf: (address: string) => client.getBalance({ address: address as Address }),
    ownerOf: async (contract: string, tokenId: string) =>
      (await client.readContract({
        address: contract as Address,
        abi: certificate.abi as Abi,
        functionName: 'ownerOf',
        args: [BigInt(tokenId)],
      })) as Address,
  };
}
