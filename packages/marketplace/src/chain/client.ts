import certificate from '@drydock/escrow/artifacts/Certificate.json' with { type: 'json' };
import factory from '@drydock/escrow/artifacts/EscrowFactory.json' with { type: 'json' };
import escrow from '@drydock/escrow/artifacts/MilestoneEscrow.json' with { type: 'json' };
import type pg from 'pg';
import { type Abi, type Address, createPublicClient, createWalletClient, defineChain, type Hex, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { AppConfig } from '../config.ts';

/** Key of the advisory lock under which the platform's account sends: instances share its nonces. */
const SEND_LOCK = 7_203_401;
const TIMEOUT_MS = 5_000;

export interface EscrowOrder {
  jobId: string;
  client: Address;
  freelancer: Address;
  /** Wei per milestone, in order. */
  amounts: bigint[];
}

/** What the chain has been asked for, once: `txHash` is null when it was there already. */
export interface Settled {
  address: Address;
  txHash: Hex | null;
}

export interface Chain {
  blockNumber(): Promise<bigint>;
  createEscrow(order: EscrowOrder): Promise<Settled>;
  releaseMilestone(address: Address, index: number): Promise<Hex | null>;
  mintCertificate(to: Address, jobId: string): Promise<{ tokenId: bigint; txHash: Hex | null }>;
}

export function createChain(config: AppConfig, pool: pg.Pool): Chain {
  const chain = defineChain({
    id: config.CHAIN_ID,
    name: 'marketplace',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [config.CHAIN_RPC_URL] } },
  });
  const transport = http(config.CHAIN_RPC_URL, { timeout: TIMEOUT_MS, retryCount: 1 });
  const account = privateKeyToAccount(config.ESCROW_ADMIN_KEY);
  const reader = createPublicClient({ chain, transport, pollingInterval: 100 });
  const wallet = createWalletClient({ chain, transport, account });
  const factoryContract = { address: config.ESCROW_FACTORY_ADDRESS, abi: factory.abi as Abi };
  const certificateContract = { address: config.CERTIFICATE_ADDRESS, abi: certificate.abi as Abi };

  type Call = { address: Address; abi: Abi; functionName: string; args: unknown[]; value?: bigint };
  /** Simulates, sends and waits for the receipt. */
  const send = async (call: Call): Promise<Hex> => {
    const { request } = await reader.simulateContract({ ...call, account });
    const hash = await wallet.writeContract(request);
    const receipt = await reader.waitForTransactionReceipt({ hash, timeout: 60_000 });
    if (receipt.status !== 'success') throw new Error(`Transaction ${hash} was reverted.`);
    return hash;
  };
  /** One sender at a time, across all instances. */
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    const session = await pool.connect();
    try {
      await session.query('SELECT pg_advisory_lock($1)', [SEND_LOCK]);
      return await work();
    } finally {
      await session.query('SELECT pg_advisory_unlock($1)', [SEND_LOCK]).catch(() => {});
      session.release();
    }
  };

  return {
    blockNumber: () => reader.getBlockNumber({ cacheTime: 0 }),
    createEscrow: ({ jobId, client, freelancer, amounts }) =>
      alone(async () => {
        const address = (await reader.readContract({
          ...factoryContract,
          functionName: 'predict',
          args: [jobId],
        })) as Address;
        // The salt is the job: what is there already is the escrow of this job, whoever made it.
        if (await reader.getCode({ address })) return { address, txHash: null };
        const value = amounts.reduce((sum, amount) => sum + amount, 0n);
        const txHash = await send({
          ...factoryContract,
          functionName: 'createEscrow',
          args: [jobId, client, freelancer, amounts],
          value,
        });
        return { address, txHash };
      }),
    releaseMilestone: (address, index) =>
      alone(async () => {
        const contract = { address, abi: escrow.abi as Abi };
        if (await reader.readContract({ ...contract, functionName: 'released', args: [BigInt(index)] })) return null;
        return send({ ...contract, functionName: 'release', args: [BigInt(index)] });
      }),
    mintCertificate: (to, jobId) =>
      alone(async () => {
        const tokenId = (await reader.readContract({
          ...certificateContract,
          functionName: 'tokenOf',
          args: [jobId],
        })) as bigint;
        const owner = await reader
          .readContract({ ...certificateContract, functionName: 'ownerOf', args: [tokenId] })
          .catch(() => undefined);
        if (owner) return { tokenId, txHash: null };
        return { tokenId, txHash: await send({ ...certificateContract, functionName: 'mint', args: [to, jobId] }) };
      }),
  };
}
