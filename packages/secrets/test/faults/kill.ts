// Kills whole rotations of a subject at calls to the disk, and compares what is there afterwards with what an undisturbed one leaves.
import { type DiskCall, killedAt, THOROUGH, tracingDisk } from '@drydock/kit/testing';
import * as assert from 'uvu/assert';
import type { Team } from './team.ts';

interface Point {
  run: number;
  when: 'before' | 'after';
  call: DiskCall;
}

/** Calls of each run of a rotation, in order, and what such a rotation leaves. */
async function undisturbed(team: Team): Promise<{ points: Point[]; world: object }> {
  const points: Point[] = [];
  let world = {};
  // The first makes folders and tables that the others find.
  if (THOROUGH) await team.rotate();
  for (let run = 0; run < team.runs; run++) {
    const traced = tracingDisk();
    ({ world } = await team.rotate({ run, through: traced.through, goesOn: 'here' }));
    const calls = traced
      .calls()
      .filter(({ paths }) => paths.some((path) => path.startsWith(team.here.root)))
      // Of a folder that is there it only hears so.
      .filter(({ name }) => !name.startsWith('mkdir'));
    // What follows a flush in between is the next step's.
    const at = (call: DiskCall) => (call.name === 'fsync' ? (['before'] as const) : (['before', 'after'] as const));
    points.push(...calls.flatMap((call) => at(call).map((when) => ({ run, call, when }))));
  }
  return { points, world };
}

/** All of them with --thorough; otherwise `few`, evenly from a place on (0 to 1). Returns how many there are, and at how many it was killed. */
export async function killEverywhere(
  team: Team,
  { few, from }: { few: number; from: number },
): Promise<{ calls: number; killed: number }> {
  const { points, world } = await undisturbed(team);
  assert.ok(points.length > 30, `${points.length} calls`);
  const at = (n: number) => points[Math.floor(((from + n / few) % 1) * points.length)] as Point;
  const chosen = THOROUGH ? points : Array.from({ length: few }, (_, n) => at(n));
  let kills = 0;
  for (const [n, { run, call, when }] of chosen.entries()) {
    const goesOn = n % 2 === 0 ? 'elsewhere' : 'here';
    const where = `killed ${when} ${call.name} ${call.nth} of ${call.paths.join(' → ')}, and gone on with ${goesOn}`;
    const after = await team.rotate({ run, ...killedAt(call, when), goesOn }).catch((error: Error) => {
      throw new Error(`${where}: ${error.message}`, { cause: error });
    });
    if (after.killed) kills += 1;
    assert.equal(after.world, world, where);
  }
  // A call or two more or fewer, and the last of them are not there.
  assert.ok(kills > chosen.length * 0.8, `${kills} kills`);
  return { calls: points.length, killed: kills };
}
