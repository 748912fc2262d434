// Uses anvil: the contracts as they are committed, deployed on a throw-away chain.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestAnvil } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Abi,
  type AbiParameter,
  type Account,
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  createTestClient,
  type Hex,
  http,
  publicActions,
  walletActions,
  zeroAddress,
  zeroHash,
} from 'viem';
import { loadArtifact } from '../src/contracts/artifacts.ts';
import { compileContracts } from '../src/contracts/compile.ts';
import { deployContracts } from '../src/contracts/deploy.ts';
import { accountOf, admin, keyOf } from './world.ts';

const test = suite('contracts');
const [client, freelancer, stranger] = [accountOf(2), accountOf(3), accountOf(4)];
const AMOUNTS = [100n, 250n];
const DELAY_S = 3_600;
/** PUSH0 PUSH0 REVERT: an account that refuses every payment. */
const REFUSES = '0x5f5ffd';

let chain: Awaited<ReturnType<typeof startTestAnvil>>;
let viem: ReturnType<typeof connect>;
let factory: Address;
let certificate: Address;

function connect(rpcUrl: string) {
  return createTestClient({ mode: 'anvil', transport: http(rpcUrl), pollingInterval: 20 })
    .extend(publicActions)
    .extend(walletActions);
}

const deployment = (salt: string) => ({ rpcUrl: chain.rpcUrl, adminKey: keyOf(1), salt, adminDelayS: DELAY_S });

test.before(async () => {
  chain = await startTestAnvil();
  viem = connect(chain.rpcUrl);
  ({ escrowFactory: factory, certificate } = await deployContracts(deployment('test')));
});
test.after(() => chain.stop());

const abis = {
  factory: loadArtifact('EscrowFactory').abi as Abi,
  escrow: loadArtifact('MilestoneEscrow').abi as Abi,
  certificate: loadArtifact('Certificate').abi as Abi,
};
const read = (address: Address, abi: Abi, functionName: string, args: unknown[] = []) =>
  viem.readContract({ address, abi, functionName, args });

interface Item {
  type: string;
  name?: string;
  inputs?: AbiParameter[];
  outputs?: AbiParameter[];
}
const typeOf = ({ type }: AbiParameter) => type;
let once: ReturnType<typeof compileContracts> | undefined;
const compiled = () => {
  once ??= compileContracts(join(import.meta.dirname, '../contracts'));
  return once;
};

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
  for (const { docs: _, ...artifact } of await compiled()) {
    const committed = JSON.parse(
      readFileSync(join(import.meta.dirname, `../artifacts/${artifact.contractName}.json`), 'utf8'),
    );
    assert.equal(committed, artifact, `${artifact.contractName}: run node packages/escrow/scripts/compile.ts`);
  }
});

test('deploying again changes nothing, and another salt gives other addresses', async () => {
  const nonce = await viem.getTransactionCount({ address: admin.address });
  const again = await deployContracts(deployment('test'));
  assert.is(again.escrowFactory, factory);
  assert.is(await viem.getTransactionCount({ address: admin.address }), nonce);
  const other = await deployContracts(deployment('other'));
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
  await viem.setCode({ address: freelancer.address, bytecode: REFUSES });
  assert.is(await send(admin, escrow, abis.escrow, 'release', [0n]), 'done');
  assert.is(await read(escrow, abis.escrow, 'credit', [freelancer.address]), 100n);
  await viem.setCode({ address: freelancer.address, bytecode: '0x' });
  const before = await balance(escrow);
  assert.is(await send(freelancer, escrow, abis.escrow, 'withdraw'), 'done');
  assert.is(before - (await balance(escrow)), 100n);
  assert.is(await send(freelancer, escrow, abis.escrow, 'withdraw'), 'NothingToWithdraw');
});

/** Whatever the code at an address says to it: the account that is to get it is named by code that ends with its making (EIP-6780). */
const force = async (address: Address, wei: bigint) => {
  const data = `0x73${address.slice(2)}ff` as const;
  await mined(viem.sendTransaction({ account: stranger, data, value: wei, chain: null }));
};
const mined = async (hash: Promise<Hex>) => viem.waitForTransactionReceipt({ hash: await hash });

test('what was sent before the escrow stood, and what was forced in, goes to the client, and no wei of the job with it', async () => {
  const escrow = await escrowOf('job-7');
  await mined(viem.sendTransaction({ account: stranger, to: escrow, value: 40n, chain: null }));
  assert.is(await create('job-7'), 'done');
  await force(escrow, 2n);
  assert.equal(
    [await read(escrow, abis.escrow, 'surplus'), await read(escrow, abis.escrow, 'unreleased')],
    [42n, 350n],
  );
  const recover = () => send(stranger, escrow, abis.escrow, 'recover');
  const before = await balance(client.address);
  assert.is(await recover(), 'done');
  assert.is((await balance(client.address)) - before, 42n);
  assert.is(await recover(), 'NothingToRecover');
  // A credit that waits is no surplus, and neither is what is not released.
  await viem.setCode({ address: freelancer.address, bytecode: REFUSES });
  await send(admin, escrow, abis.escrow, 'release', [0n]);
  assert.is(await recover(), 'NothingToRecover');
  assert.is(await balance(escrow), 350n);
  await viem.setCode({ address: freelancer.address, bytecode: '0x' });
  await send(freelancer, escrow, abis.escrow, 'withdraw');
  await send(admin, escrow, abis.escrow, 'rollback');
  await force(escrow, 5n);
  assert.is(await recover(), 'done');
  assert.is((await balance(client.address)) - before, 42n + 250n + 5n);
  assert.is(await balance(escrow), 0n, 'every wei that came in has gone out');
});

test('a surplus for a client who refuses it is credited; the code behind the escrows, which has no client, burns nothing', async () => {
  await create('job-8');
  const escrow = await escrowOf('job-8');
  await force(escrow, 9n);
  await viem.setCode({ address: client.address, bytecode: REFUSES });
  assert.is(await send(stranger, escrow, abis.escrow, 'recover'), 'done');
  assert.equal(
    [await read(escrow, abis.escrow, 'credit', [client.address]), await read(escrow, abis.escrow, 'surplus')],
    [9n, 0n],
  );
  await viem.setCode({ address: client.address, bytecode: '0x' });
  const implementation = (await read(factory, abis.factory, 'implementation')) as Address;
  await force(implementation, 1n);
  assert.is(await send(stranger, implementation, abis.escrow, 'recover'), 'ZeroAddress');
});

test('what was forced into the factory, which holds nothing, is sent out by the admin alone', async () => {
  await force(factory, 7n);
  const to = accountOf(70).address;
  assert.is(await send(stranger, factory, abis.factory, 'recover', [to]), 'AccessControlUnauthorizedAccount');
  assert.is(await send(admin, factory, abis.factory, 'recover', [to]), 'done');
  assert.equal([await balance(to), await balance(factory)], [7n, 0n]);
  assert.is(await send(admin, factory, abis.factory, 'recover', [to]), 'NothingToRecover');
});

test('who can call and never receive has the credit sent to another, and nobody has another’s', async () => {
  await create('job-9');
  const escrow = await escrowOf('job-9');
  await viem.setCode({ address: freelancer.address, bytecode: REFUSES });
  await send(admin, escrow, abis.escrow, 'release', [0n]);
  await viem.impersonateAccount({ address: freelancer.address });
  const refuser = { address: freelancer.address, type: 'json-rpc' } as const;
  const to = accountOf(71).address;
  const toOther = (from: Account) => send(from, escrow, abis.escrow, 'withdrawTo', [to]);
  assert.is(await send(refuser, escrow, abis.escrow, 'withdraw'), 'PaymentFailed');
  assert.is(await toOther(stranger), 'NothingToWithdraw');
  assert.is(await send(refuser, escrow, abis.escrow, 'withdrawTo', [zeroAddress]), 'ZeroAddress');
  assert.is(await toOther(refuser), 'done');
  assert.is(await balance(to), 100n);
  assert.is(await toOther(refuser), 'NothingToWithdraw');
  assert.is(await read(escrow, abis.escrow, 'credited'), 0n);
  await viem.setCode({ address: freelancer.address, bytecode: '0x' });
});

test('pausing is a role of its own: a paused factory makes no escrow, existing ones go on, and a pauser can do nothing else', async () => {
  const onFactory = (from: Account, name: string, args: unknown[] = []) =>
    send(from, factory, abis.factory, name, args);
  const pauser = (await read(factory, abis.factory, 'PAUSER_ROLE')) as Hex;
  assert.is(await onFactory(stranger, 'pause'), 'AccessControlUnauthorizedAccount');
  assert.is(await onFactory(admin, 'grantRole', [pauser, stranger.address]), 'done');
  assert.is(await onFactory(admin, 'revokeRole', [pauser, admin.address]), 'done');
  assert.is(await onFactory(admin, 'pause'), 'AccessControlUnauthorizedAccount');
  assert.is(await onFactory(stranger, 'pause'), 'done');
  assert.is(await create('job-6'), 'EnforcedPause');
  assert.is(await send(client, await escrowOf('job-1'), abis.escrow, 'release', [0n]), 'done');
  assert.is(await create('job-6', stranger), 'AccessControlUnauthorizedAccount');
  assert.is(await send(stranger, await escrowOf('job-1'), abis.escrow, 'rollback'), 'NotAllowed');
  assert.is(await onFactory(stranger, 'unpause'), 'done');
  assert.is(await onFactory(admin, 'grantRole', [pauser, admin.address]), 'done');
});

test('the admin goes over in two steps with the delay between them, and rolls back until then', async () => {
  const next = accountOf(5);
  for (const [address, abi] of [
    [factory, abis.factory],
    [certificate, abis.certificate],
  ] as const) {
    const call = (from: Account, name: string, args: unknown[] = []) => send(from, address, abi, name, args);
    assert.is(await call(admin, 'grantRole', [zeroHash, next.address]), 'AccessControlEnforcedDefaultAdminRules');
    assert.is(await call(admin, 'revokeRole', [zeroHash, admin.address]), 'AccessControlEnforcedDefaultAdminRules');
    assert.is(await call(admin, 'renounceRole', [zeroHash, admin.address]), 'AccessControlEnforcedDefaultAdminDelay');
    assert.is(
      await call(stranger, 'beginDefaultAdminTransfer', [stranger.address]),
      'AccessControlUnauthorizedAccount',
    );
    assert.is(await call(admin, 'beginDefaultAdminTransfer', [next.address]), 'done');
    assert.is(await call(next, 'acceptDefaultAdminTransfer'), 'AccessControlEnforcedDefaultAdminDelay');
    await viem.increaseTime({ seconds: DELAY_S + 2 });
    await viem.mine({ blocks: 1 });
    assert.is(await call(stranger, 'acceptDefaultAdminTransfer'), 'AccessControlInvalidDefaultAdmin');
    if (address === factory) {
      await create('job-10');
      assert.is(await send(next, await escrowOf('job-10'), abis.escrow, 'rollback'), 'NotAllowed');
      assert.is(await send(admin, await escrowOf('job-10'), abis.escrow, 'rollback'), 'done');
    }
    assert.is(await call(next, 'acceptDefaultAdminTransfer'), 'done');
    assert.equal(
      [await read(address, abi, 'defaultAdmin'), await read(address, abi, 'owner')],
      [next.address, next.address],
    );
    assert.is(await read(address, abi, 'hasRole', [zeroHash, admin.address]), false);
  }
  await create('job-11');
  assert.is(await send(admin, await escrowOf('job-11'), abis.escrow, 'rollback'), 'NotAllowed');
  assert.is(await send(next, await escrowOf('job-11'), abis.escrow, 'rollback'), 'done');
});

test('what each call costs stands in docs/ESCROW_CONTRACTS.md, within 1 %', async () => {
  const own = await deployContracts(deployment('gas'));
  const gasOf = async (
    from: Account,
    address: Address,
    abi: Abi,
    functionName: string,
    args: unknown[] = [],
    value = 0n,
  ) => {
    const call = { address, abi, functionName, args, account: from, value, chain: null };
    return (await mined(viem.writeContract(call as unknown as Parameters<typeof viem.writeContract>[0]))).gasUsed;
  };
  const [payer, worker] = [accountOf(80), accountOf(81)];
  for (const { address } of [payer, worker]) await viem.setBalance({ address, value: 10n ** 18n });
  const made = async (job: string, milestones: number) => {
    const amounts = Array.from({ length: milestones }, () => 100n);
    const args = [job, payer.address, worker.address, amounts];
    const gas = await gasOf(admin, own.escrowFactory, abis.factory, 'createEscrow', args, BigInt(milestones) * 100n);
    const escrow = (await read(own.escrowFactory, abis.factory, 'predict', [job])) as Address;
    return {
      gas,
      call: (from: Account, name: string, args: unknown[] = []) => gasOf(from, escrow, abis.escrow, name, args),
      escrow,
    };
  };
  const [one, three] = [await made('gas-1', 1), await made('gas-3', 3)];
  const costs: Record<string, bigint> = {
    'createEscrow, 1 milestone': one.gas,
    'createEscrow, 3 milestones': three.gas,
  };
  costs['release by the client'] = await three.call(payer, 'release', [0n]);
  costs['release by an operator'] = await three.call(admin, 'release', [1n]);
  await viem.setCode({ address: worker.address, bytecode: REFUSES });
  costs['release that is refused, and credited'] = await three.call(admin, 'release', [2n]);
  await viem.setCode({ address: worker.address, bytecode: '0x' });
  costs.withdraw = await three.call(worker, 'withdraw');
  await force(one.escrow, 5n);
  costs.recover = await one.call(stranger, 'recover');
  costs.rollback = await one.call(admin, 'rollback');
  await viem.setCode({ address: payer.address, bytecode: REFUSES });
  const refusing = await made('gas-refused', 1);
  await refusing.call(admin, 'rollback');
  await viem.setCode({ address: payer.address, bytecode: '0x' });
  costs.withdrawTo = await refusing.call(payer, 'withdrawTo', [accountOf(82).address]);
  costs.pause = await gasOf(admin, own.escrowFactory, abis.factory, 'pause');
  costs.unpause = await gasOf(admin, own.escrowFactory, abis.factory, 'unpause');
  costs.beginDefaultAdminTransfer = await gasOf(admin, own.escrowFactory, abis.factory, 'beginDefaultAdminTransfer', [
    stranger.address,
  ]);
  await viem.increaseTime({ seconds: DELAY_S + 2 });
  await viem.mine({ blocks: 1 });
  costs.acceptDefaultAdminTransfer = await gasOf(
    stranger,
    own.escrowFactory,
    abis.factory,
    'acceptDefaultAdminTransfer',
  );
  costs.mint = await gasOf(admin, own.certificate, abis.certificate, 'mint', [worker.address, 'gas-1']);
  const text = readFileSync(join(import.meta.dirname, '../../../docs/ESCROW_CONTRACTS.md'), 'utf8');
  const [, table = ''] = /## What each call costs\n(.*?)\n## /s.exec(text) ?? [];
  const told = Object.fromEntries(
    [...table.matchAll(/^\| `?([^|`]+?)`? +\| +([\d,]+) \|/gm)].map(([, what = '', gas = '']) => [
      what,
      Number(gas.replaceAll(',', '')),
    ]),
  );
  const wrong = Object.entries(costs).filter(
    ([what, gas]) => Math.abs((told[what] ?? 0) - Number(gas)) > Number(gas) / 100,
  );
  assert.equal(
    wrong.map(([what, gas]) => `${what}: ${gas.toLocaleString('en')}`),
    [],
  );
  assert.equal(Object.keys(told).sort(), Object.keys(costs).sort());
});

test('everything public says what it does, to people and to whoever calls it', async () => {
  const missing: string[] = [];
  for (const { contractName, abi, docs } of await compiled()) {
    for (const { type, name = 'constructor', inputs = [], outputs = [] } of abi as Item[]) {
      const kind = type === 'event' ? 'events' : type === 'error' ? 'errors' : 'methods';
      const signature = type === 'constructor' ? name : `${name}(${inputs.map(typeOf).join()})`;
      const what = `${contractName}.${signature}`;
      const [user, dev] = [docs.user[kind]?.[signature], docs.dev[kind]?.[signature]].map((one) => [one].flat()[0]);
      // What is inherited is OpenZeppelin's to say; of a public variable the sources say one sentence.
      if (!docs.own.includes(name)) continue;
      if (!user?.notice) missing.push(what);
      if (docs.variables.includes(name)) continue;
      for (const input of inputs) if (!dev?.params?.[input.name ?? '']) missing.push(`${what}: ${input.name}`);
      if (Object.keys(dev?.returns ?? {}).length < outputs.length) missing.push(`${what}: what it returns`);
    }
  }
  assert.equal(missing, []);
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
