import { setTimeout as sleep } from 'node:timers/promises';
import { taskFile } from '@drydock/kit/cli';
import { runTaskForTest } from '@drydock/kit/testing';
import { p99, startPeople, type Window, windowOf } from '../../packages/release/test/people.ts';
import { makeWorld } from '../../packages/release/test/world.ts';
import { type Bench, type Figure, ms } from './figures.ts';

const WARM_MS = 1_000;
const COLD_MS = 10_000;
const WHOLE_MS = 20_000;
const PER_SECOND = 100;

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
    const load = startPeople(world.url, { perSecond: PER_SECOND });
    const quiet = await windowOf(() => sleep(3_000));
    const whole: number[] = [];
    const cold: number[] = [];
    const warm: Window[] = [];
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`);
      // Two releases forward, two back: the first version back still runs, the second has to be started.
      for (const _ of [1, 2]) whole.push(length(await windowOf(release)));
      warm.push(await windowOf(back));
      cold.push(length(await windowOf(back)));
    }
    const { asked } = await load.stop();
    const failed = asked.filter(({ status }) => status !== 200).length;
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

const length = ({ from, to }: Window) => to - from;

function bound(what: string, took: number, most: number): Figure {
  return { what, ours: ms(took), peer: '', mustBe: `≤ ${ms(most)}`, is: ms(took), holds: took <= most };
}

function median(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}
