import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestAnvil } from '@drydock/sandbox/testing';
import fc from 'fast-check';
import { type Abi, type Address, encodeFunctionData, type Hex, keccak256, stringToBytes, toHex } from 'viem';
import { cloneCodeHash, create2Address } from '../../src/chain/address.ts';
import { compileSources } from '../../src/contracts/compile.ts';
import { deployContracts } from '../../src/contracts/deploy.ts';
import { abis, accountOf, admin, connect, keyOf } from '../world.ts';
import { apply, balance, type Call, type Model, newModel, unreleased } from './model.ts';

const JOBS = ['a', 'b', 'c'];
const GAS = toHex(1_500_000);
/** PUSH0 PUSH0 REVERT: refuses every payment. */
const REFUSES: Hex = '0x5f5ffd';
const REFUSER = accountOf(60).address;
/** Calls for the contract among the actors. */
const FORWARDER = accountOf(9).address;

export interface Fuzzed {
  calls: number;
  /** Calls that went through. */
  done: number;
  runs: number;
}

/**
 * Random calls by random actors against the contracts on anvil, each compared with the model: whether it goes through,
 * and afterwards every balance, every sum and every flag. Throws with the shortest sequence that differs.
 */
export async function fuzz({ runs, length, seed }: { runs: number; length: number; seed: number }): Promise<Fuzzed> {
  const anvil = await startTestAnvil({
    args: ['--block-base-fee-per-gas', '0', '--gas-price', '0', '--order', 'fifo'],
  });
  try {
    const world = await prepare(anvil.rpcUrl);
    const result: Fuzzed = { calls: 0, done: 0, runs: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(callOf(world.actors), { minLength: length, maxLength: length }), async (calls) => {
        const snapshot = await world.chain.snapshot();
        await play(world, calls, result);
        await world.chain.revert({ id: snapshot });
        result.runs += 1;
      }),
      { numRuns: runs, seed, endOnFailure: false },
    );
    return result;
  } finally {
    await anvil.stop();
  }
}

type World = Awaited<ReturnType<typeof prepare>>;

async function prepare(rpcUrl: string) {
  const chain = connect(rpcUrl);
  const { escrowFactory: factory } = await deployContracts({ rpcUrl, adminKey: keyOf(1), salt: 'fuzz' });
  const source = readFileSync(join(import.meta.dirname, '../fixtures/Reentrant.sol'), 'utf8');
  const [artifact] = await compileSources({ 'Reentrant.sol': source }, import.meta.dirname);
  const { abi, bytecode } = artifact as { abi: Abi; bytecode: Hex };
  const hash = await chain.deployContract({ abi, bytecode, account: admin, chain: null });
  const { contractAddress } = await chain.waitForTransactionReceipt({ hash });
  await chain.setCode({ address: REFUSER, bytecode: REFUSES });
  const implementation = (await chain.readContract({
    address: factory,
    abi: abis.factory,
    functionName: 'implementation',
  })) as Address;
  const escrows = new Map(
    JOBS.map((job) => [job, create2Address(factory, keccak256(stringToBytes(job)), cloneCodeHash(implementation))]),
  );
  const operator = (await chain.readContract({
    address: factory,
    abi: abis.factory,
    functionName: 'OPERATOR_ROLE',
  })) as Hex;
  const reentrant = contractAddress as Address;
  const people = [admin.address, ...[2, 3, 4, 5].map((i) => accountOf(i).address)];
  return { chain, factory, escrows, operator, reentrant, abi, actors: [...people, reentrant], people };
}

function callOf(actors: string[]): fc.Arbitrary<Call> {
  // The admin more often than others: a run in which nothing is allowed shows little.
  const by = fc.oneof(
    { weight: 2, arbitrary: fc.constant(actors[0] ?? '') },
    { weight: 3, arbitrary: fc.constantFrom(...actors) },
  );
  const party = fc.constantFrom(...actors, REFUSER);
  const job = fc.constantFrom(...JOBS);
  const amounts = fc.array(fc.bigInt({ min: 0n, max: 1_000n }), { maxLength: 3 });
  const short = fc.oneof({ weight: 5, arbitrary: fc.constant(0n) }, { weight: 1, arbitrary: fc.constantFrom(1n, -1n) });
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('create' as const),
        by,
        job,
        client: party,
        freelancer: party,
        amounts,
        short,
      }),
    },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('release' as const), by, job, index: fc.nat({ max: 3 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('rollback' as const, 'withdraw' as const, 'initialize' as const),
        by,
        job,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'unpause' as const, 'unpause' as const), by }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('grant' as const, 'revoke' as const),
        by,
        role: fc.constantFrom('operator' as const, 'admin' as const),
        to: fc.constantFrom(...actors.slice(1)),
      }),
    },
  );
}

async function play(world: World, calls: Call[], result: Fuzzed): Promise<void> {
  const model = newModel(admin.address, [REFUSER]);
  const before = await balancesOf(world);
  for (const [i, call] of calls.entries()) {
    const expected = apply(model, call);
    const went = await send(world, call);
    result.calls += 1;
    result.done += went ? 1 : 0;
    if (went !== expected)
      throw new Error(
        `Call ${i} ${show(call)} ${went ? 'went through' : 'was refused'}, and must ${expected ? 'go through' : 'be refused'}.`,
      );
  }
  await compareAll(world, model, before);
}

/** Sends from an unlocked account; the contract among the actors forwards. */
async function send(world: World, call: Call): Promise<boolean> {
  const { to, data, value } = encode(world, call);
  const through = call.by === world.reentrant;
  const request = through
    ? {
        from: FORWARDER,
        to: world.reentrant,
        data: encodeFunctionData({ abi: world.abi, functionName: 'forward', args: [to, data] }),
      }
    : { from: call.by, to, data };
  const ask = world.chain.request as (args: unknown) => Promise<unknown>;
  const hash = await ask({
    method: 'eth_sendTransaction',
    params: [{ ...request, value: toHex(value), gas: GAS, gasPrice: '0x0' }],
  });
  for (;;) {
    const receipt = (await ask({ method: 'eth_getTransactionReceipt', params: [hash] })) as { status: Hex } | null;
    if (receipt) return receipt.status === '0x1';
  }
}

function encode({ factory, escrows, operator }: World, call: Call): { to: Address; data: Hex; value: bigint } {
  const onFactory = (functionName: string, args: unknown[], value = 0n) => ({
    to: factory,
    data: encodeFunctionData({ abi: abis.factory, functionName, args }),
    value,
  });
  const onEscrow = (job: string, functionName: string, args: unknown[] = []) => ({
    to: escrows.get(job) as Address,
    data: encodeFunctionData({ abi: abis.escrow, functionName, args }),
    value: 0n,
  });
  switch (call.kind) {
    case 'create': {
      const total = call.amounts.reduce((a, b) => a + b, 0n) + call.short;
      return onFactory('createEscrow', [call.job, call.client, call.freelancer, call.amounts], total < 0n ? 1n : total);
    }
    case 'release':
      return onEscrow(call.job, 'release', [BigInt(call.index)]);
    case 'initialize':
      return onEscrow(call.job, 'initialize', [call.by, call.by, call.by, []]);
    case 'rollback':
    case 'withdraw':
      return onEscrow(call.job, call.kind);
    case 'pause':
    case 'unpause':
      return onFactory(call.kind, []);
    default:
      return onFactory(`${call.kind}Role`, [call.role === 'admin' ? `0x${'0'.repeat(64)}` : operator, call.to]);
  }
}

/** Value in = value out + balance, to the wei and for every account; flags and sums as the model has them. */
async function compareAll(world: World, model: Model, before: Map<string, bigint>): Promise<void> {
  const after = await balancesOf(world);
  // What the contract among the actors pays, whoever calls it pays.
  const payers = new Map([...model.spent].map(([who, wei]) => [who === world.reentrant ? FORWARDER : who, wei]));
  for (const [account, had] of before)
    equal(
      after.get(account),
      had + (model.paid.get(account) ?? 0n) - (payers.get(account) ?? 0n),
      `balance of ${account}`,
    );
  for (const [job, address] of world.escrows) {
    const escrow = model.escrows.get(job);
    equal(await world.chain.getBalance({ address }), escrow ? balance(escrow) : 0n, `balance of escrow ${job}`);
    if (!escrow) continue;
    const read = (functionName: string, args: unknown[] = []) =>
      world.chain.readContract({ address, abi: abis.escrow, functionName, args });
    equal(await read('unreleased'), unreleased(escrow), `unreleased of ${job}`);
    equal(await read('rolledBack'), escrow.rolledBack, `rolledBack of ${job}`);
    for (const [account, credit] of escrow.credit)
      equal(await read('credit', [account]), credit, `credit of ${account} in ${job}`);
  }
  equal(
    await world.chain.readContract({ address: world.reentrant, abi: world.abi, functionName: 'gotThrough' }),
    0n,
    'reentrant calls that got through',
  );
}

async function balancesOf({ chain, people, reentrant }: World): Promise<Map<string, bigint>> {
  const accounts = [...people, reentrant, REFUSER, FORWARDER];
  return new Map(
    await Promise.all(
      accounts.map(async (address) => [address, await chain.getBalance({ address: address as Address })] as const),
    ),
  );
}

function equal(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what} is ${String(actual)}, and must be ${String(expected)}.`);
}

function show(call: Call): string {
  return JSON.stringify(call, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
}
