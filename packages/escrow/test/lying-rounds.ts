// Rounds of retry, sweep, rollback and reconcile --fix behind an RPC that lies in several ways at once, by several operators,
// cut and resumed; each is brought to an end by typing the command again. In this process: a round is a second or two.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runTaskForTest } from '@drydock/kit/testing';
import * as assert from 'uvu/assert';
import type { Address, Hex } from 'viem';
import { reconcileTask } from '../src/tasks/reconcile.ts';
import { retryTask } from '../src/tasks/retry.ts';
import { rollbackTask } from '../src/tasks/rollback.ts';
import { sweepTask } from '../src/tasks/sweep.ts';
import * as lies from './lies.ts';
import { journalOf } from './process.ts';
import { oneOf, type Random, randomOf } from './random.ts';
import { type Answer, type RpcProxy, type RpcRequest, type Rule, startRpcProxy } from './rpc-proxy.ts';
import { abis, accountOf, admin, productOf, startWorld, type World } from './world.ts';

export interface LiesSurvived {
  rounds: number;
  byTask: Record<string, number>;
  byLie: Record<string, number>;
  /** Rounds in which the first run did not end well by itself, and why. */
  broken: Record<string, number>;
}

interface Scene {
  world: World;
  proxy: RpcProxy;
  random: Random;
  /** The newest block. */
  tip(): bigint;
  /** How long a block takes, in milliseconds. */
  blocksEvery(ms: number): void;
}

interface Round {
  task: typeof retryTask | typeof sweepTask | typeof rollbackTask | typeof reconcileTask;
  args: string[];
  /** Throws where chain and database are not as they must be; `ended`: the command has ended well, `honest`: and after the lies. */
  check(ended: boolean, honest?: boolean): Promise<void>;
}

const TOTAL = 350n;
const DEEPEST = 3;
const ATTEMPTS = 6;
const FAST = 70;

export async function surviveLies({
  rounds,
  seed,
  say = () => {},
}: {
  rounds: number;
  seed: number;
  say?: (text: string) => void;
}): Promise<LiesSurvived> {
  const world = await startWorld();
  const proxy = await startRpcProxy(world.rpcUrl);
  const random = randomOf(seed);
  const survived: LiesSurvived = { rounds: 0, byTask: {}, byLie: {}, broken: {} };
  const miner = await startMiner(world);
  const scene: Scene = { world, proxy, random, tip: miner.tip, blocksEvery: miner.every };
  const count = (record: Record<string, number>, key: string) => {
    record[key] = (record[key] ?? 0) + 1;
  };
  try {
    await world.chain.setAutomine(false);
    for (let i = 0; i < rounds; i++) {
      const make = oneOf(random, [retryRound, retryRound, sweepRound, rollbackRound, releasedRound, reconcileRound]);
      const chosen = chooseLies(scene);
      const what = `${i + 1} of ${rounds}: ${make.name}, ${Object.keys(chosen).join(' and ')}`;
      say(what);
      try {
        const round = await make(scene, i);
        for (const why of await play(scene, round, Object.values(chosen))) count(survived.broken, why);
      } catch (cause) {
        throw new Error(`Round ${what} (seed ${seed}): ${(cause as Error).message}`, { cause });
      }
      survived.rounds += 1;
      count(survived.byTask, make.name);
      for (const lie of Object.keys(chosen)) count(survived.byLie, lie);
    }
    const { outcome, error } = await runTaskForTest(reconcileTask, productOf(world), ['--env', 'staging']);
    const { drift } = (outcome?.data ?? { drift: [error?.message] }) as { drift: { why?: string }[] };
    const other = drift.filter(({ why }) => !why?.includes('made with 7 wei') && !why?.includes('holds 7 wei'));
    assert.equal(other, [], 'at the end database and chain are equal');
    return survived;
  } finally {
    await miner.stop();
    await proxy.stop();
    await world.stop();
  }
}

/** Under lies, by one operator or two, perhaps cut and resumed; then honestly, until it ends well. */
async function play(scene: Scene, round: Round, rules: Rule[]): Promise<string[]> {
  const { proxy, random, world } = scene;
  const chain = {
    confirmations: 1 + random(DEEPEST),
    minedWithinMs: oneOf(random, [300, 1_500, 4_000]),
    timeoutMs: 1_500,
    pollMs: 30,
  };
  const operators = [0, 1].map(() => productOf({ ...world, rpcUrl: proxy.url }, { chain }));
  const broken: string[] = [];
  let lying = true;
  proxy.rule = lies.allOf(
    ...rules.map(
      (rule): Rule =>
        (request) =>
          lying ? rule(request) : 'pass',
    ),
  );
  // What waits for a block is hidden, known, taken or replaced meanwhile.
  scene.blocksEvery(oneOf(random, [FAST, 400, 900]));
  const end = sleep(oneOf(random, [200, 800, 2_500]) + random(500)).then(() => {
    lying = false;
    scene.blocksEvery(FAST);
  });
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const root = oneOf(random, operators);
    const resumed = isOpen(root) ? ['--resume', '--yes'] : round.args;
    const { error, outcome } = await runTaskForTest(round.task, root, ['--env', 'staging', ...resumed]);
    assert.is.not(error?.code, 'UNEXPECTED', `${error?.message}`);
    await round.check(error === undefined);
    if (error === undefined && (!lying || outcome?.ok !== false) && round.task !== reconcileTask) break;
    if (error) broken.push(error.code);
    if (attempt === 2) await end;
    if (attempt > 2 && error === undefined) break;
    assert.ok(attempt < ATTEMPTS, `it does not end well: ${error?.code} ${error?.message}`);
    if (random(3) === 0) cut(root, random);
  }
  await end;
  proxy.reset();
  await round.check(true, true);
  return broken;
}

const isOpen = (root: string) => {
  const last = journalOf(root).at(-1)?.event;
  return last !== undefined && last !== 'run.done' && last !== 'run.failed';
};

/** What a kill at some moment would have left: the journal ends with any of its lines. */
function cut(root: string, random: Random): void {
  if (journalOf(root).length < 2) return;
  const runs = join(root, '.drydock/runs');
  const file = join(runs, readdirSync(runs).sort().at(-1) ?? '', 'journal.jsonl');
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  writeFileSync(file, `${lines.slice(0, 1 + random(lines.length - 1)).join('\n')}\n`);
}

/** One to three kinds, each with what it needs of chance. */
function chooseLies({ world, random, tip }: Scene): Record<string, Rule> {
  const back = BigInt(1 + random(3));
  const lagged = lies.behind(() => tip() - back);
  const now = (times: number, rule: Rule, one = 4): Rule => {
    let left = times;
    return (request) => {
      if (left === 0 || random(one) !== 0 || request.method === 'eth_chainId') return 'pass';
      left -= 1;
      return rule(request);
    };
  };
  const once = (matches: (request: RpcRequest) => boolean, answer: Answer): Rule =>
    now(6, (request) => (matches(request) ? answer : 'pass'));
  let taken = false;
  const all: Record<string, () => Rule> = {
    'hidden mempool': () => lies.hiddenMempool(),
    'known already': () => lies.hiddenMempool(oneOf(random, lies.KNOWN_ALREADY)),
    lag: () => lagged,
    'nonce of another node': () => lies.behind(() => tip() - back, ['eth_getTransactionCount']),
    'load-balanced': () => (request) => (random(2) === 0 ? lagged(request) : 'pass'),
    'receipts of another node': () => lies.behind(() => tip() - back, BLOCKS),
    'null block': () => once(lies.isNumbered, lies.nullBlock),
    'header not found': () =>
      once(({ method }) => /call|getCode|getTransactionCount|estimateGas/.test(method), lies.headerNotFound),
    'rate limit': () => once(() => true, { error: { code: -32_016, message: 'over rate limit' } }),
    'forked head': () => lies.forkedHead,
    'head too high': () => now(20, lies.headAhead, 2),
    '503': () => now(8, () => ({ status: 503 })),
    'the nonce is taken by a stranger':
      () =>
      async (request): Promise<Answer> => {
        if (request.method !== 'eth_sendRawTransaction' || taken) return 'pass';
        taken = true;
        const nonce = await world.chain.getTransactionCount({ address: admin.address });
        await world.chain.sendTransaction({ account: admin, to: admin.address, nonce, chain: null }).catch(() => {});
        await sleep(200);
        return 'pass';
      },
  };
  const names = Object.keys(all);
  const chosen = Array.from({ length: 1 + random(3) }, () => oneOf(random, names));
  return Object.fromEntries([...new Set(chosen)].map((name) => [name, (all[name] as () => Rule)()]));
}

const BLOCKS = [
  'eth_blockNumber',
  'eth_getBlockByNumber',
  'eth_getCode',
  'eth_call',
  'eth_estimateGas',
  'eth_getTransactionCount',
];

async function retryRound(scene: Scene): Promise<Round> {
  const from = scene.tip();
  const job = await scene.world.addJob();
  return {
    task: retryTask,
    args: ['--job', job, '--yes'],
    check: async (ended) => {
      await checkPaidOnce(scene, from);
      await checkEscrow(scene, job, from, ended);
    },
  };
}

async function sweepRound(scene: Scene): Promise<Round> {
  const from = scene.tip();
  const jobs = [await scene.world.addJob(), await scene.world.addJob(), await scene.world.addJob()];
  return {
    task: sweepTask,
    args: ['--yes'],
    check: async (ended) => {
      await checkPaidOnce(scene, from);
      for (const job of jobs) await checkEscrow(scene, job, from, ended);
    },
  };
}

async function rollbackRound(scene: Scene, i: number): Promise<Round> {
  return rollbackOf(scene, i, 0n, []);
}

/** A milestone is paid: what is left goes back, and only if that is said. */
async function releasedRound(scene: Scene, i: number): Promise<Round> {
  return rollbackOf(scene, i, 100n, ['--accept-released']);
}

async function rollbackOf(scene: Scene, i: number, released: bigint, args: string[]): Promise<Round> {
  const { world, tip } = scene;
  const client = accountOf(5_000 + i).address;
  const job = await deployed(scene, client);
  if (released > 0n) await release(scene, job, 0n);
  await buried(scene);
  const freelancer = (await world.chain.readContract({
    address: world.escrowOf(job),
    abi: abis.escrow,
    functionName: 'freelancer',
  })) as Address;
  const had = { client: await balance(world, client), freelancer: await balance(world, freelancer) };
  const from = tip();
  if (released > 0n) {
    const refused = await runTaskForTest(rollbackTask, productOf(world), [
      '--env',
      'staging',
      '--job',
      job,
      '--reason',
      'a round',
      '--yes',
    ]);
    assert.is(refused.error?.code, 'PARTLY_RELEASED');
  }
  return {
    task: rollbackTask,
    args: ['--job', job, '--reason', 'a round', '--yes', ...args],
    async check(ended) {
      await checkPaidOnce(scene, from);
      assert.is((await balance(world, freelancer)) - had.freelancer, 0n, `job ${job}: what was released stays so`);
      const back = (await balance(world, client)) - had.client;
      assert.ok(back === 0n || back === TOTAL - released, `job ${job}: ${back} wei went back`);
      if (!ended) return;
      assert.is(back, TOTAL - released);
      assert.is(await balance(world, world.escrowOf(job)), 0n);
      const { pending, deployed: flag } = await world.job(job);
      assert.equal({ pending, flag }, { pending: false, flag: false });
      const events = await world.query(
        `SELECT metadata FROM drydock."AuditEvent" WHERE event = 'escrow.rollback' AND metadata->>'job' = $1`,
        [job],
      );
      for (const { metadata } of events)
        assert.equal(metadata.amounts, { returned: String(TOTAL - released), released: String(released) });
      assert.is(events.length, 1, `job ${job}: one event`);
    },
  };
}

/** Jobs on which the sides differ, in every way; and one whose escrow is another, which must stay as it is. */
async function reconcileRound(scene: Scene): Promise<Round> {
  const { world, tip } = scene;
  const from = tip();
  const well = await deployed(scene);
  const lost = await world.addJob({ pending: scene.random(2) === 0 });
  await send(scene, () => world.createOnChain(lost));
  const rolled = await deployed(scene);
  await send(scene, () => world.callEscrow(rolled, 'rollback'));
  const paid = await deployed(scene);
  await release(scene, paid, 1n);
  const imagined = await world.addJob({ pending: false, deployed: true, address: accountOf(8).address });
  const other = await world.addJob({ pending: false });
  await send(scene, () => world.createOnChain(other, { amounts: [7n] }));
  await buried(scene);
  const untouched = [await world.job(other), await world.job(well)];
  return {
    task: reconcileTask,
    args: ['--fix', '--yes'],
    async check(_ended, honest) {
      assert.equal(
        [await world.job(other), await world.job(well)],
        untouched,
        'what is right, or another, stays as it is',
      );
      const flags = async (job: string) => {
        const { pending, deployed: flag, address } = await world.job(job);
        return { pending, flag, address };
      };
      const [one, two, three, four] = await Promise.all([lost, rolled, paid, imagined].map(flags));
      const there = (job: string) => ({ pending: false, flag: true, address: world.escrowOf(job) });
      if (one?.flag) assert.equal(one, there(lost));
      assert.equal(three, there(paid));
      assert.is(two?.pending, false);
      if (!honest) return;
      assert.equal([one, two?.flag, four?.flag], [there(lost), false, false]);
      const rows = await world.query(
        'SELECT "releasedAt" IS NOT NULL AS paid FROM "Milestone" WHERE "jobId" = $1 ORDER BY position',
        [paid],
      );
      assert.equal(rows, [{ paid: false }, { paid: true }]);
      await checkPaidOnce(scene, from);
    },
  };
}

/** With its escrow, on both sides. */
async function deployed(scene: Scene, wallet?: Address): Promise<string> {
  const { world } = scene;
  const job = await world.addJob({ pending: false, deployed: true, status: 'FUNDED', ...(wallet ? { wallet } : {}) });
  const hash = await send(scene, () => world.createOnChain(job));
  await world.query('UPDATE "Job" SET "escrowAddress" = $2, "escrowTxHash" = $3 WHERE id = $1', [
    job,
    world.escrowOf(job),
    hash,
  ]);
  return job;
}

const release = (scene: Scene, job: string, index: bigint) =>
  send(scene, () => scene.world.callEscrow(job, 'release', [index]));

const own = new Set<Hex>();
/** By the test itself, and mined. */
async function send({ world }: Scene, sending: () => Promise<Hex>): Promise<Hex> {
  const { transactionHash, status } = await world.mined(sending());
  assert.is(status, 'success');
  own.add(transactionHash);
  return transactionHash;
}

/** So deep that no node that lags does not know it. */
async function buried({ world, tip }: Scene): Promise<void> {
  const from = tip();
  await world.chain.mine({ blocks: 6 });
  while (tip() < from + 6n) await sleep(10);
}

const balance = (world: World, address: Address) => world.chain.getBalance({ address });

/** No two transactions of a round are mined for one deed, whether they did it or reverted: each is paid. */
async function checkPaidOnce({ world }: Scene, from: bigint): Promise<void> {
  const to = await world.chain.getBlockNumber();
  const deeds = new Map<string, Hex[]>();
  for (let number = from + 1n; number <= to; number++) {
    const { transactions } = await world.chain.getBlock({ blockNumber: number, includeTransactions: true });
    for (const { hash, to: contract, input } of transactions)
      if (!own.has(hash) && input !== '0x')
        deeds.set(`${contract} ${input}`, [...(deeds.get(`${contract} ${input}`) ?? []), hash]);
  }
  for (const hashes of deeds.values()) assert.is(hashes.length, 1, `paid ${hashes.length} times: ${hashes.join(', ')}`);
}

async function checkEscrow({ world }: Scene, job: string, from: bigint, ended: boolean): Promise<void> {
  const address = world.escrowOf(job);
  const row = await world.job(job);
  const held = await balance(world, address);
  assert.ok(held === TOTAL || held === 0n, `job ${job}: ${held} wei`);
  if (!ended) return void assert.ok(!row.deployed || held === TOTAL, `job ${job}: deployed, and it is not there`);
  const { pending, deployed: flag, address: known, txHash, status } = row;
  const events = await world.chain.getContractEvents({
    address: world.factory,
    abi: abis.factory,
    eventName: 'EscrowCreated',
    fromBlock: from,
    strict: true,
  });
  const made = events.filter(({ args }) => (args as { escrow?: string }).escrow === address);
  assert.is(made.length, 1, `job ${job}: one escrow`);
  assert.is(held, TOTAL);
  assert.equal(
    { pending, flag, known, txHash, status },
    { pending: false, flag: true, known: address, txHash: made[0]?.transactionHash, status: 'FUNDED' },
    `job ${job}`,
  );
}

/** Blocks come by themselves, as on a live chain. */
async function startMiner({ chain }: World) {
  let going = true;
  let ms = FAST;
  let tip = await chain.getBlockNumber();
  const loop = (async () => {
    while (going) {
      await sleep(ms);
      await chain.mine({ blocks: 1 }).catch(() => {});
      tip = await chain.getBlockNumber().catch(() => tip);
    }
  })();
  return {
    tip: () => tip,
    every(next: number) {
      ms = next;
    },
    async stop() {
      going = false;
      await loop;
    },
  };
}
