// What a round does, and what must be so after each run of it.
import { runTaskForTest } from '@drydock/kit/testing';
import * as assert from 'uvu/assert';
import type { Address, Hex } from 'viem';
import reconcileTask from '../../scripts/reconcile.ts';
import retryTask from '../../scripts/retry.ts';
import rollbackTask from '../../scripts/rollback.ts';
import sweepTask from '../../scripts/sweep.ts';
import { abis, accountOf, productOf } from '../world.ts';
import { balance, buried, deployed, own, release, type Scene, send } from './scene.ts';

export interface Round {
  task: typeof retryTask | typeof sweepTask | typeof rollbackTask | typeof reconcileTask;
  args: string[];
  /** Throws where chain and database are not as they must be; `ended`: the command has ended well, `honest`: and after the lies. */
  check(ended: boolean, honest?: boolean): Promise<void>;
}

const TOTAL = 350n;

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

export const ROUNDS = [retryRound, retryRound, sweepRound, rollbackRound, releasedRound, reconcileRound];
