// Rounds of retry, sweep and rollback under random faults, each brought to an end afterwards; for the test and the bench.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from 'viem';
import { assertOneEscrow, assertOneRefund } from './kill.ts';
import { journalOf, run, startTask } from './process.ts';
import { randomOf } from './random.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';
import { accountOf, admin, productOf, startWorld, type World } from './world.ts';

export interface FaultsSurvived {
  rounds: number;
  byFault: Record<string, number>;
  /** Rounds in which the first run did not end well by itself. */
  broken: number;
}

const DEEPEST_REORG = 2;

interface Round {
  script: 'retry' | 'sweep' | 'rollback';
  args: string[];
  check(): Promise<void>;
}

export async function surviveFaults({
  rounds,
  seed,
  say = () => {},
}: {
  rounds: number;
  seed: number;
  say?: (text: string) => void;
}): Promise<FaultsSurvived> {
  const world = await startWorld();
  const proxy = await startRpcProxy(world.rpcUrl);
  const random = randomOf(seed);
  const survived: FaultsSurvived = { rounds: 0, byFault: {}, broken: 0 };
  try {
    for (let i = 0; i < rounds; i++) {
      const names = Object.keys(FAULTS) as (keyof typeof FAULTS)[];
      const fault = names[random(names.length)] ?? 'kill';
      const round = await [retryRound, sweepRound, rollbackRound][random(3)]?.(world, i);
      if (!round) throw new Error('no round');
      say(`${i + 1} of ${rounds}: ${round.script}, ${fault}`);
      const root = productOf(
        { ...world, rpcUrl: proxy.url },
        { chain: { confirmations: DEEPEST_REORG + 1, minedWithinMs: 3_000, timeoutMs: 1_000 } },
      );
      const miner = mineNowAndThen(world);
      try {
        const code = await FAULTS[fault]({ world, proxy, random, root, round });
        if (code !== 0) survived.broken += 1;
        await recover(world, proxy, root, round);
        await round.check();
      } catch (cause) {
        throw new Error(`Round ${i} of seed ${seed} (${round.script}, ${fault}): ${(cause as Error).message}`, {
          cause,
        });
      } finally {
        await miner.stop();
      }
      survived.rounds += 1;
      survived.byFault[fault] = (survived.byFault[fault] ?? 0) + 1;
    }
    const root = productOf(world, { chain: { confirmations: 1 } });
    const { code, stdout } = await run(root, 'reconcile');
    if (code !== 0) throw new Error(`At the end database and chain differ: ${stdout}`);
    return survived;
  } finally {
    await proxy.stop();
    await world.stop();
  }
}

async function retryRound(world: World): Promise<Round> {
  const job = await world.addJob();
  return { script: 'retry', args: ['--job', job], check: () => assertOneEscrow(world, job) };
}

async function sweepRound(world: World): Promise<Round> {
  const jobs = [await world.addJob(), await world.addJob()];
  return {
    script: 'sweep',
    args: ['--yes'],
    async check() {
      for (const job of jobs) await assertOneEscrow(world, job);
    },
  };
}

async function rollbackRound(world: World, i: number): Promise<Round> {
  const address: Address = accountOf(1_000 + i).address;
  const job = await world.addJob({ pending: false, deployed: true, status: 'FUNDED', wallet: address });
  await world.mined(world.createOnChain(job));
  await world.query('UPDATE "Job" SET "escrowAddress" = $2 WHERE id = $1', [job, world.escrowOf(job)]);
  await world.chain.mine({ blocks: DEEPEST_REORG + 1 });
  const client = { address, had: await world.chain.getBalance({ address }) };
  return {
    script: 'rollback',
    args: ['--job', job, '--reason', 'a round', '--yes'],
    check: () => assertOneRefund(world, job, client),
  };
}

interface Scene {
  world: World;
  proxy: RpcProxy;
  random: (below: number) => number;
  root: string;
  round: Round;
}

const start = ({ root, round }: Scene) => startTask(root, round.script, ...round.args);

async function killedWhen(scene: Scene, condition: () => boolean | Promise<boolean>): Promise<number> {
  const child = start(scene);
  child.stdout?.resume();
  child.stderr?.resume();
  const closed = once(child, 'close');
  while (child.exitCode === null && !(await condition())) await sleep(2);
  child.kill('SIGKILL');
  const [code] = (await closed) as [number | null];
  return code ?? 137;
}

const finished = async ({ root, round }: Scene) => (await run(root, round.script, ...round.args)).code ?? 1;

const FAULTS = {
  /** At a random line of the journal, and a random moment after it. */
  async kill(scene: Scene) {
    const [at, ms] = [1 + scene.random(20), scene.random(120)];
    let reached = 0;
    return killedWhen(scene, () => {
      if (reached === 0 && journalOf(scene.root).length >= at) reached = Date.now();
      return reached > 0 && Date.now() - reached >= ms;
    });
  },
  /** With the transaction on its way. */
  async 'kill while sending'(scene: Scene) {
    let sending = false;
    scene.proxy[scene.random(2) === 0 ? 'before' : 'after'] = async ({ method }) => {
      if (method !== 'eth_sendRawTransaction') return;
      sending = true;
      await sleep(300);
    };
    return killedWhen(scene, () => sending);
  },
  async 'answers 429 and 503'(scene: Scene) {
    scene.proxy.rule = () => (scene.random(4) === 0 ? { status: scene.random(2) === 0 ? 429 : 503 } : 'pass');
    return finished(scene);
  },
  async 'the answer to the sending is lost'(scene: Scene) {
    scene.proxy.after = async ({ method }) => {
      if (method === 'eth_sendRawTransaction') await sleep(1_500);
    };
    return finished(scene);
  },
  async 'the RPC goes away'(scene: Scene) {
    const from = scene.random(60);
    scene.proxy.rule = () => (scene.proxy.seen.length > from ? { status: 502 } : 'pass');
    setTimeout(() => scene.proxy.reset(), 2_500 + scene.random(3_000));
    return finished(scene);
  },
  async 'receipts come late'(scene: Scene) {
    let asked = 0;
    scene.proxy.rule = ({ method }) =>
      method === 'eth_getTransactionReceipt' && ++asked % 5 !== 0 ? { result: null } : 'pass';
    return finished(scene);
  },
  async 'transactions are dropped'(scene: Scene) {
    await scene.world.chain.setAutomine(false);
    let dropped = 0;
    scene.proxy.after = async ({ method }) => {
      if (method === 'eth_sendRawTransaction' && dropped++ < 2) await dropAll(scene.world);
    };
    return finished(scene);
  },
  async 'a reorganisation'(scene: Scene) {
    const running = finished(scene);
    await sleep(800 + scene.random(1_500));
    const reorg = scene.world.chain.request as (args: unknown) => Promise<unknown>;
    await reorg({ method: 'anvil_reorg', params: [1 + scene.random(DEEPEST_REORG), []] }).catch(() => {});
    return running;
  },
  async 'base fee spikes'(scene: Scene) {
    const running = finished(scene);
    await sleep(500 + scene.random(1_500));
    await scene.world.chain.setNextBlockBaseFeePerGas({ baseFeePerGas: BigInt(5 + scene.random(60)) * 10n ** 9n });
    return running;
  },
  async 'a stranger takes the nonce'(scene: Scene) {
    await scene.world.chain.setAutomine(false);
    let taken = false;
    scene.proxy.before = async ({ method }) => {
      if (method !== 'eth_sendRawTransaction' || taken) return;
      taken = true;
      const nonce = await scene.world.chain.getTransactionCount({ address: admin.address });
      await scene.world.chain
        .sendTransaction({ account: admin, to: admin.address, nonce, chain: null })
        .catch(() => {});
      await scene.world.chain.mine({ blocks: 1 });
    };
    return finished(scene);
  },
};

async function dropAll(world: World): Promise<void> {
  const { pending } = (await world.chain.getTxpoolContent()) as unknown as {
    pending: Record<string, Record<string, { hash: `0x${string}` }>>;
  };
  for (const one of Object.values(pending).flatMap((pool) => Object.values(pool)))
    await world.chain.dropTransaction({ hash: one.hash }).catch(() => {});
}

/** What a person does next: the fault is over, and the command is typed again until it ends well. */
async function recover({ chain }: World, proxy: RpcProxy, root: string, round: Round): Promise<void> {
  proxy.reset();
  await chain.setAutomine(true);
  await chain.setNextBlockBaseFeePerGas({ baseFeePerGas: 10n ** 9n });
  let said = '';
  for (let attempt = 0; attempt < 5; attempt++) {
    const last = journalOf(root).at(-1)?.event;
    const open = last !== undefined && last !== 'run.done' && last !== 'run.failed';
    const { code, stdout, stderr } = await run(root, round.script, ...(open ? ['--resume', '--yes'] : round.args));
    if (code === 0) return;
    said = stdout + stderr;
  }
  throw new Error(`It does not end well: ${said}`);
}

/** Blocks come by themselves, as on a live chain; with automine off they hold what waits. */
function mineNowAndThen({ chain }: World): { stop(): Promise<void> } {
  let going = true;
  const loop = (async () => {
    while (going) {
      await sleep(250);
      await chain.mine({ blocks: 1 }).catch(() => {});
    }
  })();
  return {
    async stop() {
      going = false;
      await loop;
    },
  };
}
