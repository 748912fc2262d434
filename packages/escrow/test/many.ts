// For benches and tests of size: many jobs with their escrows, made fast.
import type { Abi, Address, Hex } from 'viem';
import { compileSources } from '../src/contracts/compile.ts';
import { abis, accountOf, admin, type World } from './world.ts';

/** Makes many escrows in one transaction; it needs the operator's role. */
const SOURCE = `
  // SPDX-License-Identifier: MIT
  pragma solidity ^0.8.28;
  interface IFactory { function createEscrow(string calldata, address, address, uint256[] calldata) external payable returns (address); }
  contract Many {
    function make(IFactory factory, string[] calldata jobs, address client, address freelancer, uint256 amount) external payable {
      uint256[] memory amounts = new uint256[](1);
      amounts[0] = amount;
      for (uint256 i = 0; i < jobs.length; i++) factory.createEscrow{value: amount}(jobs[i], client, freelancer, amounts);
    }
  }`;
const PER_TRANSACTION = 40;
const GAS = 14_000_000n;
const AMOUNT = 7n;

/** For a world with many jobs: blocks that hold a thousand escrows, and only the newest states kept. */
export const ROOMY = ['--gas-limit', '900000000', '--prune-history', '5'];
const PER_BLOCK = 1_000;

/** Jobs `first` to `first + count - 1` of the name, funded on both sides. */
export async function fundMany(world: World, name: string, first: number, count: number): Promise<void> {
  const many = await deployMany(world);
  const [client, freelancer] = [accountOf(2).address, accountOf(3).address];
  const ids = Array.from({ length: count }, (_, i) => `${name}-${first + i}`);
  await world.chain.setBalance({ address: admin.address, value: 10n ** 24n });
  const { gasLimit } = await world.chain.getBlock();
  const perBlock = Math.min(PER_BLOCK, Number(gasLimit / GAS) * PER_TRANSACTION);
  await world.chain.setAutomine(false);
  try {
    for (const block of chunksOf(ids, perBlock)) await makeBlock(world, many, block, client, freelancer);
  } finally {
    await world.chain.setAutomine(true);
  }
  await world.query(
    `INSERT INTO "User" (id, email, "passwordHash", wallet, "displayName") VALUES ('many-c', 'c@x', '', $1, 'C'), ('many-f', 'f@x', '', $2, 'F') ON CONFLICT DO NOTHING`,
    [client, freelancer],
  );
  await world.query(
    `INSERT INTO "Job" (id, title, description, status, "clientId", "freelancerId", "escrowDeployed", "escrowAddress", "escrowSince")
     SELECT id, 'T', 'D', 'FUNDED', 'many-c', 'many-f', true, address, now() FROM unnest($1::text[], $2::text[]) AS x(id, address)`,
    [ids, ids.map((id) => world.escrowOf(id))],
  );
  await world.query(
    `INSERT INTO "Milestone" (id, "jobId", position, title, amount) SELECT id, id, 0, 'M', $2 FROM unnest($1::text[]) AS x(id)`,
    [ids, String(AMOUNT)],
  );
  await world.query('ANALYZE');
}

/** One block with the escrows of these jobs. Automine is off: else each transaction would be a block of its own. */
async function makeBlock(
  { chain, factory }: World,
  many: { address: Address; abi: Abi },
  ids: string[],
  client: Address,
  freelancer: Address,
): Promise<void> {
  const hashes: Hex[] = [];
  let nonce = await chain.getTransactionCount({ address: admin.address });
  // A fee that is given spares a question for each; the block's base fee is below it.
  const { baseFeePerGas } = await chain.getBlock();
  for (const jobs of chunksOf(ids, PER_TRANSACTION))
    hashes.push(
      await chain.writeContract({
        ...many,
        functionName: 'make',
        args: [factory, jobs, client, freelancer, AMOUNT],
        value: AMOUNT * BigInt(jobs.length),
        account: admin,
        chain: null,
        gas: GAS,
        nonce: nonce++,
        maxFeePerGas: (baseFeePerGas ?? 0n) * 2n + 1n,
        maxPriorityFeePerGas: 1n,
      } as never),
    );
  await chain.mine({ blocks: 1 });
  for (const hash of hashes) {
    const { status } = await chain.getTransactionReceipt({ hash });
    if (status !== 'success') throw new Error(`${hash} reverted`);
  }
}

function chunksOf<T>(all: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

let deployed: { address: Address; abi: Abi } | undefined;

async function deployMany(world: World): Promise<{ address: Address; abi: Abi }> {
  if (deployed && (await world.chain.getCode({ address: deployed.address }))) return deployed;
  const artifact = (await compileSources({ 'Many.sol': SOURCE }, import.meta.dirname)).find(
    ({ contractName }) => contractName === 'Many',
  );
  if (!artifact) throw new Error('nothing was compiled');
  const { abi, bytecode } = artifact as { abi: Abi; bytecode: `0x${string}` };
  const { contractAddress } = await world.mined(
    world.chain.deployContract({ abi, bytecode, account: admin, chain: null }),
  );
  const role = await world.chain.readContract({
    address: world.factory,
    abi: abis.factory,
    functionName: 'OPERATOR_ROLE',
  });
  await world.mined(
    world.chain.writeContract({
      address: world.factory,
      abi: abis.factory,
      functionName: 'grantRole',
      args: [role, contractAddress],
      account: admin,
      chain: null,
    }),
  );
  deployed = { address: contractAddress as Address, abi };
  return deployed;
}
