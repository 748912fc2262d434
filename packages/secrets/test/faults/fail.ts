// Lets one call to the disk of a whole rotation fail: it stops and says why, the product works, and whoever types it again comes to the end.
import { type Ended, failingAt } from '@drydock/kit/testing';
import * as assert from 'uvu/assert';
import { requireSame, undisturbed } from './kill.ts';
import type { Team, World } from './team.ts';

const FAULTS = [
  { name: 'fsync', error: 'EIO' },
  { name: 'write', error: 'ENOSPC' },
] as const;
const ENV_FILE = /\/\.env\.staging(\.local)?\.\d+\.new$/;

/** One of each fault, in the last such call to the env file as it is written. Tells what each said: `EIO of fsync of /.env.staging.$$.new: …`. */
export async function failEach(open: () => Promise<Team>): Promise<string[]> {
  const team = await open();
  const told: string[] = [];
  try {
    const { calls, world } = await undisturbed(team, ['write']);
    const { root } = team.here;
    for (const { name, error } of FAULTS) {
      const all = calls.filter(({ call }) => call.name === name && ENV_FILE.test(call.paths[0] ?? ''));
      const found = all.at(-1);
      assert.ok(found, `no ${name} of an env file`);
      const [path = ''] = found.call.paths;
      const fault = failingAt(
        {
          name,
          nth: all.filter(({ call }) => call.paths[0] === path).length,
          of: path.replace(/\d+(?=\.new$)/, '$$$$'),
        },
        error,
      );
      const said: string[] = [];
      const after = await team.rotate({
        ...{ run: found.run, through: fault.through, goesOn: 'here' },
        fails: (ended) => void said.push(requireSentence(ended)),
      });
      const hit = fault.hit()?.paths[0] ?? 'nothing';
      assert.match(hit, ENV_FILE, `${error} of ${name} was not met`);
      requireSame(lasting(after.world), lasting(world));
      told.push(`${error} of ${name} of ${hit.replace(root, '')}: ${said[0] ?? 'came to its end all the same'}`);
    }
    return told;
  } finally {
    await team.stop();
  }
}

/** One that failed was taken back: there are two then. */
function lasting({ rotations, made, ...world }: World): World {
  return world;
}

/** What was told, in a person's words. */
function requireSentence({ code, stdout, stderr }: Ended): string {
  const said = `${stdout}${stderr}`;
  assert.is(code, 1, said);
  const [told = ''] = said
    .split('\n')
    .filter((line) => /^✖ (?!.*\d ms$)/.test(line))
    .slice(-1);
  assert.ok(told.length > 20, said);
  assert.not.match(said, /\n {4}at |node:internal/);
  return told.replace(/^✖ /, '');
}
