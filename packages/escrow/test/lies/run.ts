// Rounds of retry, sweep, rollback and reconcile --fix behind an RPC that lies in several ways at once, by several operators,
// cut and resumed; each is brought to an end by typing the command again. In this process: a round is a second or two.
import { setTimeout as sleep } from 'node:timers/promises';
import { runTaskForTest } from '@drydock/kit/testing';
import * as assert from 'uvu/assert';
import reconcileTask from '../../scripts/reconcile.ts';
import { cutJournal } from '../cut.ts';
import { journalOf } from '../process.ts';
import { oneOf, type Random, randomOf } from '../random.ts';
import { type Rule, startRpcProxy } from '../rpc-proxy.ts';
import { productOf, startWorld, type World } from '../world.ts';
import { chooseLies } from './chosen.ts';
import * as lies from './rules.ts';
import { FAST, type Scene, startMiner } from './scene.ts';
import { ROUNDS, type Round } from './tasks.ts';

export interface LiesSurvived {
  rounds: number;
  byTask: Record<string, number>;
  byLie: Record<string, number>;
  /** Rounds in which the first run did not end well by itself, and why. */
  broken: Record<string, number>;
}

const DEEPEST = 3;
const ATTEMPTS = 6;

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
      const make = oneOf(random, ROUNDS);
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
    // Whoever of them begun it.
    const resumed = [...round.args, '--resume', 'any', '--yes'];
    const { error, outcome } = await runTaskForTest(round.task, root, ['--env', 'staging', ...resumed]);
    assert.is.not(error?.code, 'UNEXPECTED', `${error?.message}`);
    await round.check(error === undefined);
    if (error === undefined && (!lying || outcome?.ok !== false) && round.task !== reconcileTask) break;
    if (error) broken.push(error.code);
    if (attempt === 2) await end;
    if (attempt > 2 && error === undefined) break;
    assert.ok(attempt < ATTEMPTS, `it does not end well: ${error?.code} ${error?.message}`);
    if (random(3) === 0) await cut(world, root, random);
  }
  await end;
  proxy.reset();
  await round.check(true, true);
  return broken;
}

/** Killed at some moment: the journal ends with any of its lines. */
async function cut(world: World, root: string, random: Random): Promise<void> {
  if (journalOf(root).length < 2) return;
  await cutJournal(world.query, root, (lines) => 1 + random(lines.length - 1));
}
