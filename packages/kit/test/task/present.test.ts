// Uses no service.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Finding } from '../../src/finding.ts';
import { command } from '../../src/hint.ts';
import { psqlCommand } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { printEnding, toJson } from '../../src/task/present.ts';
import type { Outcome } from '../../src/task/types.ts';
import { silentOutput } from '../../src/testing/index.ts';

const test = suite('what a task came to');

const ending = (outcome: Outcome) => ({
  task: 'db:look',
  env: 'staging',
  run: 'r',
  startedAt: new Date(),
  outcome,
  typing: { door: 'npm', env: 'staging' } as const,
});

function closing(outcome: Outcome): string {
  const out = silentOutput();
  printEnding(out, ending(outcome));
  return out.said.findLast((line) => line.includes('It')) ?? '';
}

const finding = (level: Finding['level']): Finding => ({ level, code: 'X', message: 'x' });

test('a tick stands for what is good alone; warnings above it are counted', () => {
  assert.match(closing({ verdict: 'It is so.' }), /^✔ It is so\. \(.*\)$/);
  assert.match(closing({ verdict: 'It is so.', findings: [finding('info')] }), /^✔ It is so\. \(.*\)$/);
  assert.match(closing({ verdict: 'It is so.', findings: [finding('warn')] }), /^✔ .*, 1 warning above$/);
  assert.match(closing({ verdict: 'It is so.', findings: [finding('warn'), finding('warn')] }), /, 2 warnings above$/);
  assert.match(closing({ verdict: 'It is not.', findings: [finding('error')] }), /^✖ It is not\./);
  assert.match(closing({ verdict: 'It has nothing.', mark: 'plain' }), /^· It has nothing\./);
  assert.match(closing({ verdict: 'It wants one.', mark: 'warning' }), /^! It wants one\./);
});

test('with --json hints are words too', () => {
  const { findings } = toJson(
    ending({ verdict: 'It.', findings: [{ ...finding('warn'), hint: command('db:status') }] }),
  ) as { findings: Finding[] };
  assert.equal(findings[0]?.hint, 'npm run db:status -- --env staging');
});

test('a database to look into is named with its server and role, never with its password', () => {
  assert.is(
    psqlCommand(new Secret('postgresql://owner:pw%21@db.internal:6432/look%203')),
    "psql -h db.internal -p 6432 -U owner -d 'look 3'",
  );
  assert.is(psqlCommand(new Secret('postgresql://owner@[::1]/look')), 'psql -h ::1 -U owner -d look');
});

test.run();
