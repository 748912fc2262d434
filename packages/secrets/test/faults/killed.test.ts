// Uses PostgreSQL, Redis and strace.
import { straceIsMissing, THOROUGH } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import { genericSubject } from './generic.ts';
import { killEverywhere } from './kill.ts';
import { postgresSubject } from './postgres.ts';
import { redisSubject } from './redis.ts';
import { openTeam, type Subject } from './team.ts';
import { tokenSubject } from './token.ts';

const test = suite('a whole rotation that is killed at a call to the disk, and gone on with here or in another clone');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const SUBJECTS: Record<string, (url: string) => Subject | Promise<Subject>> = {
  generic: genericSubject,
  token: tokenSubject,
  postgres: postgresSubject,
  redis: redisSubject,
};

/** What they ask of the disk depends on how fast their product comes: a few places of those would not be the same twice. */
const FOR_ALL_ROUNDS = new Set(['postgres', 'redis']);

for (const [n, [kind, open]] of Object.entries(SUBJECTS).entries())
  (straceIsMissing() || (!THOROUGH && FOR_ALL_ROUNDS.has(kind)) ? test.skip : test)(
    `${kind}: as an undisturbed one leaves it`,
    async () => {
      const team = await openTeam(await open(await postgres.createDatabase()));
      try {
        // Each kind somewhere else.
        const { calls, killed } = await killEverywhere(team, { few: 2, from: 0.05 + n / 8 });
        console.log(`  ${kind}: killed at ${killed} of ${calls} places`);
      } finally {
        await team.stop();
      }
    },
  );

test.run();
