import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestAnvil } from '@drydock/sandbox/testing';
import fc from 'fast-check';
import {
  type Abi,
  type Address,
  encodeFunctionData,
  getAddress,
  type Hex,
  keccak256,
  stringToBytes,
  toHex,
  zeroHash,
} from 'viem';
import { cloneCodeHash, create2Address } from '../../src/chain/address.ts';
import { loadArtifact } from '../../src/contracts/artifacts.ts';
import { compileSources } from '../../src/contracts/compile.ts';
import { abis, accountOf, admin, connect } from '../world.ts';
import { type Contracts, callOf, encode, JOBS, show } from './calls.ts';
import { apply, type Call, credited, type Model, newModel, unreleased } from './model.ts';

const GAS = toHex(1_500_000);
const DELAY_S = 1_000;
/** Refuses every payment (PUSH0 PUSH0 REVERT), and burns all the gas that it is given (JUMPDEST PUSH0 JUMP). */
const CODES = { refuses: '0x5f5ffd', burns: '0x5b5f56' } as const;
const REFUSERS = [accountOf(60).address, accountOf(61).address];
/** Calls for the contract among the actors. */
const FORWARDER = accountOf(9).address;

/** Blocks that hold a whole run, and cost nothing. */
const ANVIL = [
  '--block-base-fee-per-gas',
  '0',
  '--gas-price',
  '0',
  '--order',
  'fifo',
  '--gas-limit',
  '10000000000',
  '--no-mining',
  '--auto-impersonate',
];

export interface Fuzzed {
  calls: number;
  /** Calls that went through. */
  done: number;
  runs: number;
}

export interface Wanted {
  runs: number;
  length: number;
  seed: number;
}

/**
 * Random calls by random actors against the contracts on anvil, each compared with the model: whether it goes through,
 * and afterwards every balance, every sum and every flag. Throws with the shortest sequence that differs.
 */
export async function fuzz(wanted: Wanted): Promise<Fuzzed> {
  return withFuzzer((tried) => tried(loadArtifact('EscrowFactory').bytecode, wanted));
}

/** The same for factories made of other code, one after the other on one chain. */
export async function withFuzzer<T>(
  use: (tried: (bytecode: Hex, wanted: Wanted & { shrink?: boolean }) => Promise<Fuzzed>) => Promise<T>,
): Promise<T> {
  const anvil = await startTestAnvil({ args: ANVIL });
  try {
    const chain = connect(anvil.rpcUrl);
    const reentrant = await deployReentrant(chain);
    await chain.setCode({ address: REFUSERS[0] as Address, bytecode: CODES.refuses });
    await chain.setCode({ address: REFUSERS[1] as Address, bytecode: CODES.burns });
    return await use(async (bytecode, { runs, length, seed, shrink = true }) => {
      const world = await prepare(chain, bytecode, reentrant);
      const result: Fuzzed = { calls: 0, done: 0, runs: 0 };
      const calls = fc.array(callOf(world.actors, REFUSERS), { minLength: length, maxLength: length });
      await fc.assert(
        fc.asyncProperty(calls, async (some) => {
          const snapshot = await chain.snapshot();
          try {
            await play(world, some, result);
          } finally {
            await chain.revert({ id: snapshot });
          }
          result.runs += 1;
        }),
        { numRuns: runs, seed, endOnFailure: !shrink },
      );
      return result;
    });
  } finally {
    await anvil.stop();
  }
}

type Chain = ReturnType<typeof connect>;
type World = Awaited<ReturnType<typeof prepare>>;

async function deployed(chain: Chain, what: { abi: Abi; bytecode: Hex; args?: unknown[] }): Promise<Address> {
  const hash = await chain.deployContract({ ...what, account: admin, chain: null });
  await chain.mine({ blocks: 1 });
  return getAddress((await chain.getTransactionReceipt({ hash })).contractAddress as Address);
}

async function deployReentrant(chain: Chain) {
  const source = readFileSync(join(import.meta.dirname, '../fixtures/Reentrant.sol'), 'utf8');
  const [artifact] = await compileSources({ 'Reentrant.sol': source }, import.meta.dirname);
  const { abi, bytecode } = artifact as { abi: Abi; bytecode: Hex };
  return { abi, address: await deployed(chain, { abi, bytecode }) };
}

async function prepare(chain: Chain, bytecode: Hex, reentrant: { abi: Abi; address: Address }) {
  const factory = await deployed(chain, { abi: abis.factory, bytecode, args: [admin.address, DELAY_S] });
  const ask = <T>(functionName: string) =>
    chain.readContract({ address: factory, abi: abis.factory, functionName }) as Promise<T>;
  const hash = cloneCodeHash(await ask<Address>('implementation'));
  const contracts: Contracts = {
    factory,
    escrows: new Map(JOBS.map((job) => [job, create2Address(factory, keccak256(stringToBytes(job)), hash)])),
    roles: { operator: await ask<Hex>('OPERATOR_ROLE'), pauser: await ask<Hex>('PAUSER_ROLE'), admin: zeroHash },
  };
  const people = [admin.address, ...[2, 3, 4, 5].map((i) => accountOf(i).address)];
  return { chain, contracts, reentrant, actors: [...people, reentrant.address], people };
}

/** Calls stand in the order of the run in one block, until time must pass. */
async function play(world: World, calls: Call[], result: Fuzzed): Promise<void> {
  const model = newModel(admin.address, REFUSERS);
  const before = await balancesOf(world);
  let sent: { hash: Hex; call: Call; expected: boolean }[] = [];
  const settle = async () => {
    await world.chain.mine({ blocks: 1 });
    const receipts = new Map(
      (await receiptsOf(world.chain)).map(({ transactionHash, status }) => [transactionHash, status]),
    );
    for (const { hash, call, expected } of sent) {
      const went = receipts.get(hash) === '0x1';
      result.calls += 1;
      result.done += went ? 1 : 0;
      if (went === expected) continue;
      throw new Error(
        `Call ${show(call)} ${went ? 'went through' : 'was refused'}, and must ${expected ? 'go through' : 'be refused'}.`,
      );
    }
    sent = [];
  };
  for (const call of calls) {
    const expected = apply(model, call);
    if (call.kind !== 'wait') {
      sent.push({ hash: await send(world, call), call, expected });
      continue;
    }
    await settle();
    await world.chain.increaseTime({ seconds: DELAY_S + 1 });
  }
  await settle();
  await compareAll(world, model, before);
}

const receiptsOf = (chain: Chain) =>
  (chain.request as (args: unknown) => Promise<unknown>)({
    method: 'eth_getBlockReceipts',
    params: ['latest'],
  }) as Promise<{ transactionHash: Hex; status: Hex }[]>;

/** Sends from an unlocked account; the contract among the actors forwards. */
async function send(world: World, call: Exclude<Call, { kind: 'wait' }>): Promise<Hex> {
  const { to, data, value } = encode(world.contracts, call);
  const { address, abi } = world.reentrant;
  const from = call.by === address ? FORWARDER : call.by;
  const request =
    call.by === address && to
      ? { from, to: address, data: encodeFunctionData({ abi, functionName: 'forward', args: [to, data] }) }
      : { from, data, ...(to ? { to } : {}) };
  const ask = world.chain.request as (args: unknown) => Promise<unknown>;
  return ask({
    method: 'eth_sendTransaction',
    params: [{ ...request, value: toHex(value), gas: GAS, gasPrice: '0x0' }],
  }) as Promise<Hex>;
}

/** Value in = value out + balance, to the wei and for every account; flags, sums and roles as the model has them. */
async function compareAll(world: World, model: Model, before: Map<string, bigint>): Promise<void> {
  const { chain, contracts, reentrant } = world;
  const after = await balancesOf(world);
  // What the contract among the actors pays, whoever calls it pays.
  const payers = new Map<string, bigint>();
  for (const [who, wei] of model.spent) {
    const payer = who === reentrant.address ? FORWARDER : who;
    payers.set(payer, (payers.get(payer) ?? 0n) + wei);
  }
  for (const [account, had] of before)
    equal(
      after.get(account),
      had + (model.paid.get(account) ?? 0n) - (payers.get(account) ?? 0n),
      `balance of ${account}`,
    );
  for (const [job, address] of contracts.escrows) {
    const escrow = model.escrows.get(job);
    const surplus = model.surplus.get(job) ?? 0n;
    const owed = escrow ? unreleased(escrow) + credited(escrow) : 0n;
    equal(await chain.getBalance({ address }), owed + surplus, `balance of escrow ${job}`);
    if (!escrow) continue;
    const read = (functionName: string, args: unknown[] = []) =>
      chain.readContract({ address, abi: abis.escrow, functionName, args }).catch((error: Error) => error.name);
    equal(await read('unreleased'), unreleased(escrow), `unreleased of ${job}`);
    equal(await read('rolledBack'), escrow.rolledBack, `rolledBack of ${job}`);
    equal(await read('surplus'), surplus, `surplus of ${job}`);
    equal(await read('credited'), credited(escrow), `credited of ${job}`);
    for (const [account, credit] of escrow.credit)
      equal(await read('credit', [account]), credit, `credit of ${account} in ${job}`);
  }
  const ofFactory = (functionName: string, args: unknown[] = []) =>
    chain.readContract({ address: contracts.factory, abi: abis.factory, functionName, args });
  equal(await chain.getBalance({ address: contracts.factory }), model.factory, 'balance of the factory');
  equal(await ofFactory('defaultAdmin'), model.admin, 'the admin');
  equal(await ofFactory('paused'), model.paused, 'paused');
  equal(await chain.readContract({ ...reentrant, functionName: 'gotThrough' }), 0n, 'reentrant calls that got through');
}

async function balancesOf({ chain, people, reentrant }: World): Promise<Map<string, bigint>> {
  const accounts = [...people, reentrant.address, ...REFUSERS, FORWARDER];
  return new Map(
    await Promise.all(
      accounts.map(async (address) => [address, await chain.getBalance({ address: address as Address })] as const),
    ),
  );
}

function equal(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what} is ${String(actual)}, and must be ${String(expected)}.`);
}
