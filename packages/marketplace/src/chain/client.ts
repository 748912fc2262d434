import certificate from '@drydock/escrow/artifacts/Certificate.json' with { type: 'json' };
import factory from '@drydock/escrow/artifacts/EscrowFactory.json' with { type: 'json' };
import escrow from '@drydock/escrow/artifacts/MilestoneEscrow.json' with { type: 'json' };
import type pg from 'pg';
import { type Abi, type Address, defineChain, fallback, type Hex, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { AppConfig } from '../config.ts';
import { revertOf } from './problem.ts';
import { createSender, type Memo } from './sender.ts';
import { createTurns } from './turns.ts';

const TIMEOUT_MS = 5_000;

export interface EscrowOrder {
  jobId: string;
  client: Address;
  freelancer: Address;
  /** Wei per milestone, in order. */
  amounts: bigint[];
}

export interface Escrow {
  address: Address;
  txHash: Hex | null;
  /** Its money has gone back to the client; there can be no second escrow for the job. */
  rolledBack: boolean;
}

/** Each asks the chain first: what is there already is not sent again. `txHash` is null if nobody remembers sending it. */
export interface Chain {
  blockNumber(): Promise<bigint>;
  createEscrow(order: EscrowOrder, memo: Memo): Promise<Escrow>;
  releaseMilestone(address: Address, index: number, memo: Memo): Promise<Hex | null>;
  mintCertificate(to: Address, jobId: string, memo: Memo): Promise<{ tokenId: bigint; txHash: Hex | null }>;
}

export function createChain(config: AppConfig, pool: pg.Pool): Chain {
  const urls = config.CHAIN_RPC_URL;
  const chain = defineChain({
    id: config.CHAIN_ID,
    name: 'marketplace',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: urls } },
  });
  const transport = fallback(
    urls.map((url) => http(url, { timeout: TIMEOUT_MS, retryCount: 1 })),
    { retryCount: 0 },
  );
  const { reader, settle } = createSender(chain, transport, privateKeyToAccount(config.ESCROW_ADMIN_KEY));
  const inTurn = createTurns(pool);
  const factoryContract = { address: config.ESCROW_FACTORY_ADDRESS, abi: factory.abi as Abi };
  const certificateContract = { address: config.CERTIFICATE_ADDRESS, abi: certificate.abi as Abi };

  return {
    blockNumber: () => reader.getBlockNumber({ cacheTime: 0 }),
    createEscrow: ({ jobId, client, freelancer, amounts }, memo) =>
      inTurn(async () => {
        const args = [jobId];
        const address = (await reader.readContract({ ...factoryContract, functionName: 'predict', args })) as Address;
        // The salt is the job: what is there already is the escrow of this job, whoever made it.
        if (await reader.getCode({ address })) {
          const contract = { address, abi: escrow.abi as Abi };
          const rolledBack = (await reader.readContract({ ...contract, functionName: 'rolledBack' })) as boolean;
          return { address, txHash: await memo.recall(), rolledBack };
        }
        const order = [jobId, client, freelancer, amounts];
        const value = amounts.reduce((sum, amount) => sum + amount, 0n);
        const call = { ...factoryContract, functionName: 'createEscrow', args: order, value };
        return { address, txHash: await settle(call, memo), rolledBack: false };
      }),
    releaseMilestone: (address, index, memo) =>
      inTurn(async () => {
        const contract = { address, abi: escrow.abi as Abi, args: [BigInt(index)] };
        if (await reader.readContract({ ...contract, functionName: 'released' })) return memo.recall();
        return settle({ ...contract, functionName: 'release' }, memo);
      }),
    mintCertificate: (to, jobId, memo) =>
      inTurn(async () => {
        const args = [jobId];
        const tokenId = (await reader.readContract({
          ...certificateContract,
          functionName: 'tokenOf',
          args,
        })) as bigint;
        if (await isMinted(tokenId)) return { tokenId, txHash: await memo.recall() };
        const call = { ...certificateContract, functionName: 'mint', args: [to, jobId] };
        return { tokenId, txHash: await settle(call, memo) };
      }),
  };

  async function isMinted(tokenId: bigint): Promise<boolean> {
    try {
      await reader.readContract({ ...certificateContract, functionName: 'ownerOf', args: [tokenId] });
      return true;
    } catch (error) {
      // Only the contract's own no is a no; a chain that does not answer is none.
      if (revertOf(error) === 'ERC721NonexistentToken') return false;
      throw error;
    }
  }
}
