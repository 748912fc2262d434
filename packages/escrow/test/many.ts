// For benches and tests of size: many jobs with their escrows, made fast.
import type { Abi, Address } from 'viem';
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
const AMOUNT = 7n;

/** Jobs `first` to `first + count - 1` of the name, funded on both sides. */
export async function fundMany(world: World, name: string, first: number, count: number): Promise<void> {
  const many = await deployMany(world);
  const [client, freelancer] = [accountOf(2).address, accountOf(3).address];
  const ids = Array.from({ length: count }, (_, i) => `${name}-${first + i}`);
  await world.chain.setBalance({ address: admin.address, value: 10n ** 24n });
  for (let at = 0; at < ids.length; at += PER_TRANSACTION) {
    const jobs = ids.slice(at, at + PER_TRANSACTION);
    await world.mined(
      world.chain.writeContract({
        ...many,
        functionName: 'make',
        args: [world.factory, jobs, client, freelancer, AMOUNT],
        value: AMOUNT * BigInt(jobs.length),
        account: admin,
        chain: null,
        gas: 14_000_000n,
      } as never),
    );
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
