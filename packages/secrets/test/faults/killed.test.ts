// Uses PostgreSQL, Redis, anvil, the sink and strace. `node killed.test.ts redis jwt` takes these kinds; with DRYDOCK_THOROUGH=1 at every place, or with
// DRYDOCK_PLACES=20 at so many of each.
import { straceIsMissing, THOROUGH } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failEach } from './fail.ts';
import { killEverywhere } from './kill.ts';
import { SUBJECTS } from './subjects.ts';
import { openTeam } from './team.ts';

const test = suite('a whole rotation that is killed at a call to the disk, and gone on with here or in another clone');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

/** A run of all tests takes a place of each of these; the others have their rounds with --thorough alone. */
const SAMPLED = new Set(['generic', 'token', 'redis', 'postgres']);
const most = process.env.DRYDOCK_PLACES ? { most: Number(process.env.DRYDOCK_PLACES) } : {};
const named = process.argv.slice(2);
const say = (line: string) => THOROUGH && console.error(`    ${new Date().toISOString()} ${line}`);

for (const [n, [kind, open]] of Object.entries(SUBJECTS).entries()) {
  if (named.length > 0 && !named.includes(kind)) continue;
  const team = async () => openTeam(await open(await postgres.createDatabase()));
  const taken = !straceIsMissing() && (THOROUGH || SAMPLED.has(kind) || named.length > 0);
  (taken ? test : test.skip)(`${kind}: as an undisturbed one leaves it`, async () => {
    // Each kind somewhere else.
    const wanted = { few: 1, from: (0.05 + n * 0.37) % 1, ...most, say: (line: string) => say(`${kind} ${line}`) };
    const { places, here, elsewhere, notReached, wrong } = await killEverywhere(team, wanted);
    console.log(
      `  ${kind}: ${places} places, killed at ${here + elsewhere} (gone on with here ${here}, elsewhere ${elsewhere}), not reached ${notReached.length}, wrong ends ${wrong.length}`,
    );
    for (const one of notReached) console.log(`    not reached: ${one}`);
    assert.equal(wrong, []);
    assert.ok(here + elsewhere > 0, 'none was killed');
  });
  (taken && (THOROUGH || named.length > 0) ? test : test.skip)(
    `${kind}: where the disk fails once, it says so, and the next run comes to the end`,
    async () => {
      for (const one of await failEach(team)) console.log(`  ${kind}: ${one}`);
    },
  );
}

test.run();
