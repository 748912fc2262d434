// Uses anvil: the contracts as they are committed, deployed on a throw-away chain.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestAnvil } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Abi,
  type Account,
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  createTestClient,
  http,
  publicActions,
  walletActions,
} from 'viem';
import { loadArtifact } from '../src/contracts/artifacts.ts';
import { compileContracts } from '../src/contracts/compile.ts';
import { deployContracts } from '../src/contracts/deploy.ts';
import { accountOf, admin, keyOf } from './world.ts';

const test = suite('contracts');
const [client, freelancer, stranger] = [accountOf(2), accountOf(3), accountOf(4)];
const AMOUNTS = [100n, 250n];

let chain: Awaited<ReturnType<typeof startTestAnvil>>;
let viem: ReturnType<typeof connect>;
let factory: Address;
let certificate: Address;

function connect(rpcUrl: string) {
  return createTestClient({ mode: 'anvil', transport: http(rpcUrl), pollingInterval: 20 })
    .extend(publicActions)
    .extend(walletActions);
}

test.before(async () => {
  chain = await startTestAnvil();
  viem = connect(chain.rpcUrl);
  ({ escrowFactory: factory, certificate } = await deployContracts({
    rpcUrl: chain.rpcUrl,
    adminKey: keyOf(1),
    salt: 'test',
  }));
});
test.after(() => chain.stop());

const abis = {
  factory: loadArtifact('EscrowFactory').abi as Abi,
  escrow: loadArtifact('MilestoneEscrow').abi as Abi,
  certificate: loadArtifact('Certificate').abi as Abi,
};
const read = (address: Address, abi: Abi, functionName: string, args: unknown[] = []) =>
  viem.readContract({ address, abi, functionName, args });

/** Sends and waits; a revert is told by the name of its custom error. */
async function send(
  from: Account,
  address: Address,
  abi: Abi,
  functionName: string,
  args: unknown[] = [],
  value = 0n,
): Promise<string> {
  try {
    const { request } = await viem.simulateContract({ account: from, address, abi, functionName, args, value });
    const hash = await viem.writeContract({ ...request, chain: null } as Parameters<typeof viem.writeContract>[0]);
    await viem.waitForTransactionReceipt({ hash });
    return 'done';
  } catch (error) {
    const reverted =
      error instanceof BaseError ? error.walk((e) => e instanceof ContractFunctionRevertedError) : undefined;
    if (reverted instanceof ContractFunctionRevertedError)
      return reverted.data?.errorName ?? reverted.reason ?? 'reverted';
    throw error;
  }
}

const create = (jobId: string, from: Account = admin, amounts = AMOUNTS, value = amounts.reduce((a, b) => a + b, 0n)) =>
  send(from, factory, abis.factory, 'createEscrow', [jobId, client.address, freelancer.address, amounts], value);
const escrowOf = (jobId: string) => read(factory, abis.factory, 'predict', [jobId]) as Promise<Address>;
const balance = (address: Address) => viem.getBalance({ address });

test('the committed artefacts are what the sources compile to', async () => {
  for (const artifact of await compileContracts(join(import.meta.dirname, '../contracts'))) {
    const committed = JSON.parse(
      readFileSync(join(import.meta.dirname, `../artifacts/${artifact.contractName}.json`), 'utf8'),
    );
    assert.equal(committed, artifact, `${artifact.contractName}: run node packages/escrow/scripts/compile.ts`);
  }
});

test('deploying again changes nothing, and another salt gives other addresses', async () => {
  const nonce = await viem.getTransactionCount({ address: admin.address });
  const again = await deployContracts({ rpcUrl: chain.rpcUrl, adminKey: keyOf(1), salt: 'test' });
  assert.is(again.escrowFactory, factory);
  assert.is(await viem.getTransactionCount({ address: admin.address }), nonce);
  const other = await deployContracts({ rpcUrl: chain.rpcUrl, adminKey: keyOf(1), salt: 'other' });
  assert.is.not(other.escrowFactory, factory);
});

test('an escrow is where it was predicted, with all the money', async () => {
  const address = await escrowOf('job-1');
  assert.is(await create('job-1'), 'done');
  assert.is(await balance(address), 350n);
  assert.equal(await read(address, abis.escrow, 'milestones'), AMOUNTS);
});

test('a second escrow for a job is impossible', async () => {
  assert.is(await create('job-1'), 'EscrowExists');
  assert.is(await balance(await escrowOf('job-1')), 350n);
});

test('wrong funding, no milestones and a stranger are refused', async () => {
  assert.is(await create('job-2', admin, AMOUNTS, 349n), 'WrongFunding');
  assert.is(await create('job-2', admin, [], 0n), 'NoMilestones');
  assert.is(await create('job-2', stranger), 'AccessControlUnauthorizedAccount');
});

test('a milestone is paid once, by client or platform alone', async () => {
  await create('job-3');
  const escrow = await escrowOf('job-3');
  const release = (from: Account, index: number) => send(from, escrow, abis.escrow, 'release', [BigInt(index)]);
  assert.is(await release(stranger, 0), 'NotAllowed');
  assert.is(await release(freelancer, 0), 'NotAllowed');
  const before = await balance(freelancer.address);
  assert.is(await release(client, 0), 'done');
  assert.is((await balance(freelancer.address)) - before, 100n);
  assert.is(await release(client, 0), 'AlreadyReleased');
  assert.is(await release(client, 9), 'UnknownMilestone');
  assert.is(await release(admin, 1), 'done');
  assert.is(await balance(escrow), 0n);
});

test('a rollback returns exactly what is unreleased, once, and is final', async () => {
  await create('job-4');
  const escrow = await escrowOf('job-4');
  await send(admin, escrow, abis.escrow, 'release', [0n]);
  assert.is(await send(client, escrow, abis.escrow, 'rollback'), 'NotAllowed');
  const before = await balance(client.address);
  assert.is(await send(admin, escrow, abis.escrow, 'rollback'), 'done');
  assert.is((await balance(client.address)) - before, 250n);
  assert.is(await send(admin, escrow, abis.escrow, 'rollback'), 'AlreadyRolledBack');
  assert.is(await send(admin, escrow, abis.escrow, 'release', [1n]), 'AlreadyRolledBack');
  assert.is(await balance(escrow), 0n);
});

test('an escrow and its implementation cannot be initialised a second time', async () => {
  const args = [stranger.address, stranger.address, stranger.address, []];
  const implementation = (await read(factory, abis.factory, 'implementation')) as Address;
  assert.is(await send(stranger, await escrowOf('job-1'), abis.escrow, 'initialize', args), 'InvalidInitialization');
  assert.is(await send(stranger, implementation, abis.escrow, 'initialize', args), 'InvalidInitialization');
});

test('a recipient that refuses money blocks nothing and fetches it later', async () => {
  await create('job-5');
  const escrow = await escrowOf('job-5');
  // PUSH0 PUSH0 REVERT: an account that refuses every payment.
  await viem.setCode({ address: freelancer.address, bytecode: '0x5f5ffd' });
  assert.is(await send(admin, escrow, abis.escrow, 'release', [0n]), 'done');
  assert.is(await read(escrow, abis.escrow, 'credit', [freelancer.address]), 100n);
  await viem.setCode({ address: freelancer.address, bytecode: '0x' });
  const before = await balance(escrow);
  assert.is(await send(freelancer, escrow, abis.escrow, 'withdraw'), 'done');
  assert.is(before - (await balance(escrow)), 100n);
  assert.is(await send(freelancer, escrow, abis.escrow, 'withdraw'), 'NothingToWithdraw');
});

test('a paused factory makes no escrow, and existing ones go on', async () => {
  assert.is(await send(stranger, factory, abis.factory, 'pause'), 'AccessControlUnauthorizedAccount');
  assert.is(await send(admin, factory, abis.factory, 'pause'), 'done');
  assert.is(await create('job-6'), 'EnforcedPause');
  assert.is(await send(client, await escrowOf('job-1'), abis.escrow, 'release', [0n]), 'done');
  assert.is(await send(admin, factory, abis.factory, 'unpause'), 'done');
});

test('a certificate is minted once per job and stays where it is', async () => {
  const mint = (from: Account) => send(from, certificate, abis.certificate, 'mint', [freelancer.address, 'job-3']);
  assert.is(await mint(stranger), 'AccessControlUnauthorizedAccount');
  assert.is(await mint(admin), 'done');
  assert.is(await mint(admin), 'AlreadyMinted');
  const token = await read(certificate, abis.certificate, 'tokenOf', ['job-3']);
  assert.is(await read(certificate, abis.certificate, 'ownerOf', [token]), freelancer.address);
  assert.is(
    await send(freelancer, certificate, abis.certificate, 'transferFrom', [freelancer.address, client.address, token]),
    'NotTransferable',
  );
});

test.run();
