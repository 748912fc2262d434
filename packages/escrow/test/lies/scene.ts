import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { Address, Hex } from 'viem';
import type { Random } from '../random.ts';
import type { RpcProxy } from '../rpc-proxy.ts';
import type { World } from '../world.ts';

export const FAST = 70;

export interface Scene {
  world: World;
  proxy: RpcProxy;
  random: Random;
  /** The newest block. */
  tip(): bigint;
  /** How long a block takes, in milliseconds. */
  blocksEvery(ms: number): void;
}

/** With its escrow, on both sides. */
export async function deployed(scene: Scene, wallet?: Address): Promise<string> {
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

export const release = (scene: Scene, job: string, index: bigint) =>
  send(scene, () => scene.world.callEscrow(job, 'release', [index]));

export const own = new Set<Hex>();
/** By the test itself, and mined. */
export async function send({ world }: Scene, sending: () => Promise<Hex>): Promise<Hex> {
  const { transactionHash, status } = await world.mined(sending());
  assert.is(status, 'success');
  own.add(transactionHash);
  return transactionHash;
}

/** So deep that no node that lags does not know it. */
export async function buried({ world, tip }: Scene): Promise<void> {
  const from = tip();
  await world.chain.mine({ blocks: 6 });
  while (tip() < from + 6n) await sleep(10);
}

export const balance = (world: World, address: Address) => world.chain.getBalance({ address });

/** Blocks come by themselves, as on a live chain. */
export async function startMiner({ chain }: World) {
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
