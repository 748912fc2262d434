// Uses no service.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpsError } from '../../src/errors.ts';
import { flagsOf, parseTaskArgs } from '../../src/task/args.ts';
import { flag } from '../../src/task/flags.ts';
import { helpText } from '../../src/task/help.ts';
import { refuseSwallowedFlags } from '../../src/task/swallowed.ts';
import { defineChangeTask, defineReadTask } from '../../src/task/types.ts';
import { hintOf } from '../../src/testing/index.ts';

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
  assert.is(common.env, undefined, 'the config knows the first');
});

test('an unknown flag is a usage error that names it', () => {
  const error = refusal('--nonsense');
  assert.is(error.exit, 2);
  assert.match(error.message, "Unknown option '--nonsense'");
  assert.match(hintOf(error), 'npm run db:look -- --help');
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
  for (const expected of ['--env NAME', '--plan', '--resume [RUN|any]', '--confirm NAME', '--json']) {
    assert.match(help, expected);
  }
});

test('-h is --help', () => {
  assert.is(parseTaskArgs(read, ['-h']).common.help, true);
});

test('a typo is answered with what was probably meant', () => {
  assert.match(refusal('--evn', 'staging').message, 'Did you mean --env?');
  assert.match(refusal('--fail-onn', 'warn').message, 'Did you mean --fail-on?');
  assert.not.match(refusal('--nonsense').message, 'Did you mean');
});

test('the -- that pnpm hands on is understood', () => {
  assert.is(parseTaskArgs(read, ['--', '--env', 'prod']).common.env, 'prod');
});

test('flags that npm kept for itself are refused, with the line to type (exit 2)', () => {
  const npm = {
    npm_lifecycle_event: 'db:change',
    npm_config_user_agent: 'npm/11.19.1 node/v20',
    npm_config_yes: 'true',
  };
  const told = (kept: Record<string, string>, argv: string[] = []) => {
    try {
      refuseSwallowedFlags('db:change', flagsOf(change), argv, { ...npm, ...kept });
    } catch (error) {
      const { exit, message, hint } = error as OpsError;
      return { exit, said: `${message} ${hint}` };
    }
    return undefined;
  };
  const plan = { npm_config_parseable: 'true', npm_config_long: 'true', npm_config_all: 'true' };
  assert.equal(told(plan), {
    exit: 2,
    said: 'npm kept --plan for itself; nothing was started. Put -- before the flags: npm run db:change -- --plan',
  });
  const both = told({ npm_config_env: 'production', npm_config_reason: 'a b', npm_config_confirm: 'production' }, [
    '--json',
  ]);
  assert.match(both?.said ?? '', "npm run db:change -- --env production --confirm production --reason 'a b' --json");
  assert.match(told({ npm_config_env: 'true' }, ['production'])?.said ?? '', /-- --env production$/);
  assert.is(told({}), undefined);
  assert.is(
    told({ npm_config_env: 'production' }, ['--env', 'staging']),
    undefined,
    'inherited from an npm further up',
  );
  assert.is(told({ ...plan, npm_lifecycle_event: 'ci' }), undefined, 'a script of their own starts it');
});

test.run();
