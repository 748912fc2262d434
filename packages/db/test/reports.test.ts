// Uses no service: what a rehearsal found, with names and errors that came from a stranger's migration.
import { type Finding, registerSecret } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Format, type Report, writeReport } from '../src/report/formats.ts';
import { gathered } from '../src/report/gather.ts';
import type { ObservedStatement } from '../src/seen/types.ts';

const test = suite('reports of a dry run');
const SECRET = 'correct-horse-battery-9-correct-horse';
registerSecret(SECRET);
const TABLE = '<!-- t | "x" ``` \n::error::y ##[z] \u202e@team';

function report(name: string): Report {
  const statement: ObservedStatement = {
    line: 1,
    durationMs: 3,
    sql: `ALTER ROLE a\nPASSWORD '${'x'.repeat(20)}${SECRET}' -- ${TABLE}`,
    locks: [{ mode: 'AccessExclusiveLock', relation: TABLE, heldMs: 5 }],
    rewritten: [],
    reindexed: [],
    touched: [],
  } as unknown as ObservedStatement;
  return {
    env: 'staging',
    root: '/p',
    verdict: `No: ${TABLE}`,
    copy: 'full',
    migrations: [{ name, durationMs: 4, statements: [statement] }],
    ignored: [{ code: 'X', migration: name, line: 1, reason: TABLE }],
    findings: [
      {
        level: 'error',
        code: 'MIGRATION_FAILED',
        message: `no\n::error file=x::faked ${SECRET} ${TABLE}`,
        hint: TABLE,
        recipe: [`SELECT '${TABLE}';`, '```', '</details>'],
        file: `/p/${name}/migration.sql`,
        line: 2,
      },
    ],
  } as unknown as Report;
}

const write = (format: Format) => writeReport(format, report('2_b\n::stop-commands::pwn <!--'));

test('a comment opens nothing, closes nothing, and names nobody', () => {
  const text = write('markdown');
  assert.not.match(text, /^\s*::|##\w*\[|\u202e|correct-horse/m);
  assert.not.match(text.replace(/^ {2}````sql$.*?^ {2}````$/ms, ''), /<!--|@team/);
  assert.is(text.match(/<\/?details>/g)?.length, 3, 'its own two, and one in the code');
  assert.is(text.match(/^ {2}````/gm)?.length, 2, 'a longer fence');
  assert.match(text, /<summary>2_b\\n::stop-commands::pwn &lt;!-- \(4 ms\)<\/summary>/);
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  assert.equal(
    rows.map((row) => row.match(/(?<!\\)\|/g)?.length),
    [7, 7],
  );
});

test('an annotation is one command, whatever it says', () => {
  const text = write('github');
  assert.is(text.split('\n').length, 1);
  assert.match(text, /^::error file=2_b%0A%3A%3Astop-commands/);
  assert.not.match(text, /##\[|\u202e|correct-horse/);
  assert.match(text, '::no%0A: :error file=x::faked ***');
});

test('SARIF says what was said, masked, and gives no command', () => {
  const text = write('sarif');
  assert.not.match(text, /##\[|\u202e|correct-horse/);
  assert.match(JSON.parse(text).runs[0].results[0].message.text, 'no\n::error file=x::faked *** <!-- t');
});

test('many of one kind are told as one, with the list; errors and few one by one', () => {
  const of = (code: string, many: number, more: object = {}) =>
    Array.from({ length: many }, (_, n): Finding => ({ level: 'info', code, message: `${code} ${n}.`, ...more }));
  const keys = of('FOREIGN_KEY_UNINDEXED', 117, { recipe: ['CREATE INDEX'] }).map((one, n) => ({
    ...one,
    about: `f${n} of t`,
  }));
  const lines = of('INTEGER_KEY', 6).map((one, n) => ({ ...one, migration: 'm', line: n + 1, file: '/m' }));
  const apart = [...of('JSON_COLUMN', 5), ...of('DROPS_USED', 9, { level: 'error' })];
  const told = gathered([...keys, ...lines, ...apart]);
  assert.equal(told.slice(2), apart);
  assert.match(
    told[0]?.message ?? '',
    /^FOREIGN_KEY_UNINDEXED 0\. 116 more of this kind: f1 of t, f2 of t, .*, f116 of t\.$/,
  );
  assert.is(told[0]?.recipe?.at(-1), 'CREATE INDEX');
  assert.is(told[1]?.message, 'INTEGER_KEY 0. 5 more of this kind: m:2, m:3, m:4, m:5, m:6.');
});

test.run();
