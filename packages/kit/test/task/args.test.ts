// Uses no service.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpsError } from '../../src/errors.ts';
import { parseTaskArgs } from '../../src/task/args.ts';
import { flag } from '../../src/task/flags.ts';
import { helpText } from '../../src/task/help.ts';
import { defineChangeTask, defineReadTask } from '../../src/task/types.ts';

const test = suite('arguments');

const read = defineReadTask({
  name: 'db:look',
  summary: 'Looks.',
  flags: {
    failOn: flag.choice(['warn', 'error'], { about: 'what fails' }),
    olderThan: flag.duration({ about: 'age' }),
    steps: flag.integer({ about: 'how many', min: 1, max: 9 }),
    accept: flag.texts({ about: 'codes' }),
  },
  run: async () => ({ verdict: 'ok' }),
});
const change = defineChangeTask({
  name: 'db:change',
  summary: 'Changes.',
  lock: 'environment',
  plan: async () => null,
  describe: () => [],
  steps: () => [],
  outcome: () => ({ verdict: 'ok' }),
});

function refusal(...argv: string[]): OpsError {
  try {
    parseTaskArgs(read, argv);
  } catch (error) {
    return error as OpsError;
  }
  throw new Error('was accepted');
}

test('flags become typed values', () => {
  const { own, common } = parseTaskArgs(read, [
    '--fail-on',
    'warn',
    '--older-than',
    '15m',
    '--steps',
    '3',
    '--accept',
    'A',
    '--accept',
    'B',
  ]);
  assert.equal(own, { failOn: 'warn', olderThan: 900_000, steps: 3, accept: ['A', 'B'] });
  assert.is(common.env, 'development');
});

test('an unknown flag is a usage error that names it', () => {
  const error = refusal('--nonsense');
  assert.is(error.exit, 2);
  assert.match(error.message, "Unknown option '--nonsense'");
  assert.match(error.hint ?? '', 'npm run db:look -- --help');
});

test('an unknown environment is a usage error that lists the known ones', () => {
  const error = refusal('--env', 'moon');
  assert.is(error.exit, 2);
  assert.is(error.message, '--env must be one of development, staging, production, not "moon".');
});

test('bad values are named with what they must be', () => {
  assert.match(refusal('--steps', '12').message, '--steps must be a whole number from 1 to 9, not "12".');
  assert.match(refusal('--older-than', 'soon').message, '--older-than must be a duration such as');
  assert.match(refusal('--steps', '1', '--steps', '2').message, '--steps is given twice.');
  assert.match(refusal('stray').message, "Unexpected argument 'stray'");
  assert.match(refusal('--steps').message, "Option '--steps <value>' argument missing");
});

test('a task that only looks does not know the flags of one that changes', () => {
  assert.match(refusal('--yes').message, "Unknown option '--yes'");
});

test('--resume alone means the latest run', () => {
  assert.is(parseTaskArgs(change, ['--resume']).common.resume, 'latest');
  assert.is(parseTaskArgs(change, ['--resume', '--json']).common.resume, 'latest');
  assert.is(parseTaskArgs(change, ['--resume', '01ABC', '--json']).common.resume, '01ABC');
});

test('help lists every flag with its value', () => {
  const help = helpText(change);
  for (const expected of [
    '--env development|staging|production',
    '--plan',
    '--resume [RUN]',
    '--confirm NAME',
    '--json',
  ]) {
    assert.match(help, expected);
  }
});

test.run();
