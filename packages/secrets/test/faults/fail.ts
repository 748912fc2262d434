// Lets one call to the disk of a whole rotation fail: it stops and says why, the product works, and whoever types it again comes to the end.
import { type DiskCall, type Ended, failingAt } from '@drydock/kit/testing';
import * as assert from 'uvu/assert';
import { requireSame, undisturbed } from './kill.ts';
import type { Team, World } from './team.ts';

const FAULTS = [
  { name: 'fsync', error: 'EIO' },
  { name: 'write', error: 'ENOSPC' },
] as const;
/** How many writes to sockets there are before one to a file is not the same each time. */
const TRIES = 6;

export interface Failed {
  /** `EIO of fsync of /.env.staging.123.new: what it said` */
  told: string[];
  /** Faults for which no file was met. */
  missed: string[];
}

/** One of each fault, in the file that `into` names (by itself the env file as it is written). */
export async function failEach(
  open: () => Promise<Team>,
  into = /\/\.env\.staging(\.local)?\.\d+\.new$/,
): Promise<Failed> {
  const team = await open();
  const failed: Failed = { told: [], missed: [] };
  try {
    const { calls, world } = await undisturbed(team, ['write']);
    for (const { name, error } of FAULTS) {
      const found = calls.filter(({ call }) => call.name === name && into.test(call.paths[0] ?? '')).at(-1);
      assert.ok(found, `no ${name} of ${into}`);
      let { nth } = found.call;
      let hit: DiskCall | undefined;
      for (let tries = 0; tries < TRIES && !isOf(team, hit); tries++) {
        const fault = failingAt({ name, nth }, error);
        const said: string[] = [];
        const after = await team.rotate({
          ...{ run: found.run, through: fault.through, goesOn: 'here' },
          fails: (ended) => void said.push(requireSentence(ended)),
        });
        hit = fault.hit();
        requireSame(lasting(after.world), lasting(world));
        const where = (hit?.paths[0] ?? 'a socket').replace(team.here.root, '');
        failed.told.push(`${error} of ${name} of ${where}: ${said[0] ?? 'came to its end all the same'}`);
        // Where it was in this run; it is there in the next one, or near to it.
        nth = fault.calls().findLast(({ paths }) => into.test(paths[0] ?? ''))?.nth ?? nth - 1;
      }
      if (!isOf(team, hit)) failed.missed.push(`${error} of ${name}`);
    }
    return failed;
  } finally {
    await team.stop();
  }
}

const isOf = ({ here }: Team, call: DiskCall | undefined) => call?.paths[0]?.startsWith(here.root) === true;

/** One that failed was taken back: there are two then. */
function lasting({ rotations, made, ...world }: World): World {
  return world;
}

/** What was told, in a person's words. */
function requireSentence({ code, stdout, stderr }: Ended): string {
  const said = `${stdout}${stderr}`;
  // Node itself ends where it cannot wake its own threads: as a kill.
  if (code === null) return 'it was ended there and then';
  assert.is(code, 1, said);
  const [told = ''] = said
    .split('\n')
    .filter((line) => /^✖ (?!.*\d ms$)/.test(line))
    .slice(-1);
  assert.ok(told.length > 20, said);
  assert.not.match(said, /\n {4}at |node:internal/);
  return told.replace(/^✖ /, '');
}
