import { setTimeout as sleep } from 'node:timers/promises';
import { taskFile } from '@drydock/kit/cli';
import { runTaskForTest } from '@drydock/kit/testing';
import { makeWorld } from '../../packages/release/test/world.ts';
import { type Bench, type Figure, ms } from './figures.ts';
import { type Asked, startLoad } from './load.ts';

const WARM_MS = 1_000;
const COLD_MS = 10_000;
const WHOLE_MS = 20_000;

/** A small product behind HAProxy, with a database of its own: whole releases under load, and the ways back. */
export const releases: Bench = async ({ rounds, say }) => {
  const world = await makeWorld({ environments: { staging: { serves: 'customers', guard: 'none' } } });
  const { default: rollback } = await import(taskFile('release:rollback'));
  const back = async () => need(await runTaskForTest(rollback, world.root, ['--env', 'staging', '--yes']));
  const release = async () => {
    world.commit();
    need(await world.release());
  };
  try {
    say('the first release');
    await release();
    await release();
    const load = startLoad(world.url);
    const quiet = await window(() => sleep(3_000));
    const whole: number[] = [];
    const cold: number[] = [];
    const warm: Window[] = [];
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`);
      // Two releases forward, two back: the first version back still runs, the second has to be started.
      for (const _ of [1, 2]) whole.push(length(await window(release)));
      warm.push(await window(back));
      cold.push(length(await window(back)));
    }
    const asked = await load.stop();
    const failed = asked.filter(({ ok }) => !ok).length;
    const [before, during] = [p99(asked, [quiet]), p99(asked, warm)];
    return [
      bound('whole release of a small product', median(whole), WHOLE_MS),
      bound('release:rollback, warm, the whole task', median(warm.map(length)), WARM_MS),
      bound('release:rollback, cold, the whole task', median(cold), COLD_MS),
      {
        what: `failed of ${asked.length} requests through ${4 * rounds} switches`,
        ours: String(failed),
        peer: '',
        mustBe: '0',
        is: String(failed),
        holds: failed === 0,
      },
      {
        what: 'p99 of a request during a switch, against before',
        ours: ms(during),
        peer: ms(before),
        mustBe: '≤ 2',
        is: (during / before).toFixed(2),
        holds: during / before <= 2,
      },
    ];
  } finally {
    await world.stop();
  }
};

function need({ error }: { error?: { message: string } }): void {
  if (error) throw new Error(error.message);
}

interface Window {
  from: number;
  to: number;
}

async function window(work: () => Promise<unknown>): Promise<Window> {
  const from = Date.now();
  await work();
  return { from, to: Date.now() };
}

const length = ({ from, to }: Window) => to - from;

function bound(what: string, took: number, most: number): Figure {
  return { what, ours: ms(took), peer: '', mustBe: `≤ ${ms(most)}`, is: ms(took), holds: took <= most };
}

function median(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}

function p99(asked: readonly Asked[], windows: readonly Window[]): number {
  const times = asked.filter(({ at }) => windows.some(({ from, to }) => at >= from && at <= to)).map((one) => one.ms);
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
}
