import { pbkdf2Sync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { createMigrated, startTestAnvil, startTestPostgres } from '@drydock/sandbox/testing';
import { encrypt, pbkdf2 } from 'ox/Keystore';
import {
  type Abi,
  type Address,
  createTestClient,
  getAddress,
  type Hex,
  http,
  keccak256,
  publicActions,
  stringToBytes,
  walletActions,
} from 'viem';
import { HDKey, privateKeyToAccount } from 'viem/accounts';
import { cloneCodeHash, create2Address } from '../src/chain/address.ts';
import { loadArtifact } from '../src/contracts/artifacts.ts';
import { deployContracts } from '../src/contracts/deploy.ts';

const MIGRATIONS = join(import.meta.dirname, '../../../prisma/migrations');
const MNEMONIC = 'test test test test test test test test test test test junk';
export const PASSWORD = 'throw-away-keystore-password';
export const abis = {
  factory: loadArtifact('EscrowFactory').abi as Abi,
  escrow: loadArtifact('MilestoneEscrow').abi as Abi,
};

/** Of the mnemonic (BIP-39, BIP-44), by what Node has built in: hundreds are asked for. */
const wallet = HDKey.fromMasterSeed(pbkdf2Sync(MNEMONIC, 'mnemonic', 2_048, 64, 'sha512')).derive("m/44'/60'/0'/0");
export function keyOf(addressIndex: number): Hex {
  const { privateKey } = wallet.deriveChild(addressIndex);
  return `0x${Buffer.from(privateKey as Uint8Array).toString('hex')}`;
}
export const accountOf = (index: number) => privateKeyToAccount(keyOf(index));
/** Of the mnemonic: who holds every role, who pays, who is paid. */
export const admin = accountOf(1);

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

export interface NewJob {
  id?: string;
  amounts?: bigint[];
  pending?: boolean;
  deployed?: boolean;
  /** How long ago the escrow was asked for. */
  ageMs?: number;
  txHash?: string | null;
  address?: string | null;
  status?: string;
  wallet?: string;
}

export type World = Awaited<ReturnType<typeof startWorld>>;

/** PostgreSQL with the reference product's own migrations, and a chain with its contracts. */
export async function startWorld({ anvilArgs = [] }: { anvilArgs?: string[] } = {}) {
  const [postgres, anvil] = await Promise.all([startTestPostgres(), startTestAnvil({ args: anvilArgs })]);
  const databaseUrl = await createMigrated(postgres, MIGRATIONS);
  const query = (sql: string, values: unknown[] = []) =>
    withPostgres(new Secret(databaseUrl), 'test', async (client) => (await client.query(sql, values)).rows);
  const chain = connect(anvil.rpcUrl);
  const { escrowFactory: factory } = await deployContracts({
    rpcUrl: anvil.rpcUrl,
    adminKey: keyOf(1),
    salt: 'test',
    adminDelayS: 0,
  });
  const implementation = (await chain.readContract({
    address: factory,
    abi: abis.factory,
    functionName: 'implementation',
  })) as Address;
  let made = 0;
  return {
    postgres,
    rpcUrl: anvil.rpcUrl,
    chain,
    factory,
    databaseUrl,
    query,
    escrowOf: (job: string) =>
      getAddress(create2Address(factory, keccak256(stringToBytes(job)), cloneCodeHash(implementation))),
    async job(id: string) {
      const [row] = await query(
        `SELECT "escrowPending" AS pending, "escrowDeployed" AS deployed, "escrowAddress" AS address, "escrowTxHash" AS "txHash", status::text FROM "Job" WHERE id = $1`,
        [id],
      );
      return row as { pending: boolean; deployed: boolean; address: string | null; txHash: Hex | null; status: string };
    },
    /** A job as the product leaves it when the client has asked for the escrow. */
    async addJob({
      id = `job-${++made}`,
      amounts = [100n, 250n],
      pending = true,
      deployed = false,
      ageMs = 3_600_000,
      txHash = null,
      address = null,
      status = 'ASSIGNED',
      wallet,
    }: NewJob = {}): Promise<string> {
      const client = wallet ?? accountOf(10 + ++made).address;
      const freelancer = accountOf(10 + ++made).address;
      const tag = `${made}-${Math.random().toString(36).slice(2)}`;
      await query(
        `WITH u AS (INSERT INTO "User" (id, email, "passwordHash", wallet, "displayName") VALUES ('c-' || $1, $1 || 'c', '', $2, 'C'), ('f-' || $1, $1 || 'f', '', $3, 'F'))
         INSERT INTO "Job" (id, title, description, status, "clientId", "freelancerId", "escrowPending", "escrowDeployed", "escrowAddress", "escrowTxHash", "escrowSince")
         VALUES ($4, 'T', 'D', $5::"JobStatus", 'c-' || $1, 'f-' || $1, $6, $7, $8, $9, (now() AT TIME ZONE 'utc') - make_interval(secs => $10))`,
        [tag, client, freelancer, id, status, pending, deployed, address, txHash, ageMs / 1_000],
      );
      for (const [position, amount] of amounts.entries())
        await query(`INSERT INTO "Milestone" (id, "jobId", position, title, amount) VALUES ($1, $2, $3, 'M', $4)`, [
          `${tag}-${position}`,
          id,
          position,
          String(amount),
        ]);
      return id;
    },
    /** The escrow of a job on the chain, as the product's worker makes it. */
    async createOnChain(
      job: string,
      overrides: {
        nonce?: number;
        maxFeePerGas?: bigint;
        maxPriorityFeePerGas?: bigint;
        from?: number;
        amounts?: bigint[];
      } = {},
    ): Promise<Hex> {
      const rows = await query(
        `SELECT c.wallet AS client, f.wallet AS freelancer, array_agg(m.amount::text ORDER BY position) AS amounts FROM "Job" j
           JOIN "User" c ON c.id = j."clientId" JOIN "User" f ON f.id = j."freelancerId" JOIN "Milestone" m ON m."jobId" = j.id WHERE j.id = $1 GROUP BY 1, 2`,
        [job],
      );
      const { from = 1, amounts = (rows[0].amounts as string[]).map(BigInt), ...fees } = overrides;
      return chain.writeContract({
        address: factory,
        abi: abis.factory,
        functionName: 'createEscrow',
        args: [job, rows[0].client, rows[0].freelancer, amounts],
        value: amounts.reduce((a, b) => a + b, 0n),
        account: accountOf(from),
        chain: null,
        ...fees,
      } as never);
    },
    callEscrow: (job: string, functionName: string, args: unknown[] = [], from = 1): Promise<Hex> =>
      chain.writeContract({
        address: create2Address(factory, keccak256(stringToBytes(job)), cloneCodeHash(implementation)),
        abi: abis.escrow,
        functionName,
        args,
        account: accountOf(from),
        chain: null,
      } as never),
    /** A block is made a moment after the hash is known. */
    async mined(hash: Promise<Hex>) {
      return chain.waitForTransactionReceipt({ hash: await hash });
    },
    async stop(): Promise<void> {
      await Promise.all([postgres.stop(), anvil.stop()]);
    },
  };
}

/** Waits little, so that a test does not. */
export const QUICK = {
  chainId: 31_337,
  confirmations: 1,
  maxBlockAgeMs: null,
  pollMs: 40,
  minedWithinMs: 4_000,
  timeoutMs: 2_000,
};

/** A stranger's product on this world: a config, variables, and a keystore of the admin. */
export function productOf(
  world: Pick<World, 'databaseUrl' | 'rpcUrl' | 'factory'>,
  {
    chain = {},
    escrow = {},
    env = {},
    key = 1,
  }: { chain?: object; escrow?: object; env?: Record<string, string>; key?: number } = {},
): string {
  const root = makeStrangeProduct(
    { chain: { ...QUICK, ...chain }, escrow },
    {
      OPS_DATABASE_URL: world.databaseUrl,
      CHAIN_RPC_URL: world.rpcUrl,
      ESCROW_FACTORY_ADDRESS: world.factory,
      ESCROW_KEYSTORE: 'keystore.json',
      ESCROW_KEYSTORE_PASSWORD: PASSWORD,
      ...env,
    },
  );
  writeFileSync(join(root, 'keystore.json'), keystoreOf(keyOf(key)));
  return root;
}

/** Weak on purpose: opened hundreds of times. */
export function keystoreOf(key: Hex): string {
  const [derived, options] = pbkdf2({ password: PASSWORD, iterations: 1_000 });
  return JSON.stringify(encrypt(key, derived, options));
}
