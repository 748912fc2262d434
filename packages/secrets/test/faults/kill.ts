// Kills whole rotations of a subject at calls to the disk, and compares what is there afterwards with what an undisturbed one leaves.
import { isDeepStrictEqual } from 'node:util';
import { type DiskCall, killedAt, THOROUGH, tracingDisk } from '@drydock/kit/testing';
import * as assert from 'uvu/assert';
import type { Team, World } from './team.ts';

interface Point {
  run: number;
  when: 'before' | 'after';
  call: DiskCall;
}

/** What came of it. */
export interface Kills {
  places: number;
  /** Killed, and gone on with there. */
  here: number;
  elsewhere: number;
  /** The process came to its end before it was there. */
  notReached: string[];
  /** What is not as an undisturbed one leaves it. */
  wrong: string[];
}

/** Calls of each run of a rotation, in order, and what such a rotation leaves. */
export async function undisturbed(
  team: Team,
  more: readonly string[] = [],
): Promise<{ calls: { run: number; call: DiskCall }[]; world: World }> {
  const calls: { run: number; call: DiskCall }[] = [];
  let world: World = {};
  for (let run = 0; run < team.runs; run++) {
    const traced = tracingDisk(more);
    ({ world } = await team.rotate({ run, through: traced.through, goesOn: 'here' }));
    const ours = traced.calls().filter(({ paths }) => paths.some((path) => path.startsWith(team.here.root)));
    calls.push(...ours.map((call) => ({ run, call })));
  }
  return { calls, world };
}

/** What follows a flush in between is the next step's; of a folder that is there it only hears so. */
function pointsIn(calls: readonly { run: number; call: DiskCall }[]): Point[] {
  const at = ({ name }: DiskCall) => (name === 'fsync' ? (['before'] as const) : (['before', 'after'] as const));
  return calls
    .filter(({ call }) => !call.name.startsWith('mkdir'))
    .flatMap(({ run, call }) => at(call).map((when) => ({ run, call, when })));
}

/**
 * With --thorough at all of them, or at `most` of them, evenly; otherwise at `few`, from a place on (0 to 1): where one is not reached, the one before
 * it is tried. After a wrong end it begins with another team.
 */
export async function killEverywhere(
  open: () => Promise<Team>,
  { few, from, most = Number.POSITIVE_INFINITY, say = () => {} }: Wanted,
): Promise<Kills> {
  let team = await open();
  const { root } = team.here;
  try {
    const whole = await undisturbed(team);
    const { calls } = whole;
    let { world } = whole;
    const points = pointsIn(calls);
    assert.ok(points.length > 30, `${points.length} calls`);
    const kills: Kills = { places: points.length, here: 0, elsewhere: 0, notReached: [], wrong: [] };
    const count = THOROUGH ? Math.min(most, points.length) : few;
    for (let n = 0; n < count; n++) {
      const goesOn = n % 2 === 0 ? 'elsewhere' : 'here';
      let at = Math.floor(((from + n / count) % 1) * points.length);
      for (let tries = 0; tries < (THOROUGH ? 1 : TRIES); tries++, at = Math.max(0, at - 1)) {
        const { run, call, when } = points[at] as Point;
        const short = call.paths.map((path) => path.replace(root, ''));
        const where = `killed ${when} ${call.name} ${call.nth} of ${short.join(' → ')}, and gone on with ${goesOn}`;
        say(`${n + 1} of ${count}: ${where}`);
        try {
          const after = await team.rotate({ run, ...killedAt(call, when), goesOn });
          if (after.stopped) kills[goesOn] += 1;
          else kills.notReached.push(where);
          requireSame(after.world, world);
          if (after.stopped) break;
        } catch (error) {
          kills.wrong.push(`${where}: ${(error as Error).message}`);
          if (!THOROUGH) break;
          await team.stop();
          team = await open();
          // Its files name other addresses.
          ({ world } = await team.rotate());
        }
      }
    }
    return kills;
  } finally {
    await team.stop();
  }
}

const TRIES = 3;

/** Throws what differs. */
export function requireSame(is: World, wanted: World): void {
  const differs = Object.keys({ ...is, ...wanted }).filter((key) => !isDeepStrictEqual(is[key], wanted[key]));
  const shown = differs.map((key) => `${key} is ${JSON.stringify(is[key])}, not ${JSON.stringify(wanted[key])}`);
  if (shown.length > 0) throw new Error(shown.join('; '));
}

export interface Wanted {
  few: number;
  from: number;
  most?: number;
  say?(line: string): void;
}
