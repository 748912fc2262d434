// Uses no service.
import { execFileSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { errorOn, OpsError } from '../../src/errors.ts';
import { command, hint, hintOn, IN_SANDBOX } from '../../src/hint.ts';
import { shellWord } from '../../src/shell-word.ts';
import { typed } from '../../src/task/typed.ts';

const test = suite('commands to type next');

const restore = command('db:restore', { from: 'latest', inPlace: true });

test('a command is written for the door it was come through, on the environment and with the config of the run', () => {
  assert.is(
    typed(restore, { door: 'npm', env: 'staging', config: '../x' }),
    'npm run db:restore -- --env staging --from latest --in-place --config ../x',
  );
  assert.is(
    typed(restore, { door: 'drydock', env: 'staging' }),
    'npx drydock db:restore --env staging --from latest --in-place',
  );
  assert.is(typed(command('ops:resume'), { door: 'npm', env: 'staging' }), 'npm run ops:resume', 'it knows no --env');
  assert.is(typed(command('ops:resume'), { door: 'drydock' }), 'npx drydock ops:resume');
});

test('an environment that it names itself goes before that of the run', () => {
  const other = command('db:status', { env: 'staging' });
  assert.is(typed(other, { door: 'npm', env: 'production' }), 'npm run db:status -- --env staging');
  const failed = new OpsError({ code: 'X', message: 'x.', hint: hint`Look: ${command('db:drift')}, ${other}` });
  assert.is(
    typed(errorOn('development', failed).hint ?? '', { door: 'npm', env: 'production' }),
    'Look: npm run db:drift -- --env development, npm run db:status -- --env staging',
  );
});

test('the sandbox is named where the product has one, and nowhere else', () => {
  const sentence = hintOn('staging', hint`Is it running?${IN_SANDBOX}`);
  assert.is(typed(sentence), 'Is it running?');
  assert.is(
    typed(sentence, { door: 'npm', env: 'staging', sandbox: true }),
    'Is it running? In the sandbox: npm run sandbox:up',
  );
});

test('--help needs neither', () => {
  const help = command('db:restore', { help: true });
  assert.is(typed(help, { door: 'npm', env: 'staging', config: 'x.ts' }), 'npm run db:restore -- --help');
});

test('where nobody can be asked, a change of a guarded environment carries its confirmation; a look and a plan do not', () => {
  const where = { door: 'npm', env: 'production', confirms: (env: string) => env === 'production' } as const;
  assert.is(
    typed(restore, where),
    'npm run db:restore -- --env production --from latest --in-place --yes --confirm production --reason "…"',
  );
  assert.is(
    typed(command('db:deploy', { resume: '01X' }), where),
    'npm run db:deploy -- --env production --resume 01X --yes --confirm production',
    'a resumed run keeps its reason',
  );
  assert.is(typed(command('db:deploy', { plan: true }), where), 'npm run db:deploy -- --env production --plan');
  assert.is(typed(command('db:status'), where), 'npm run db:status -- --env production');
  assert.is(typed(command('db:deploy', { env: 'staging' }), where), 'npm run db:deploy -- --env staging');
});

test('words that it takes stand before its flags, as the shell would have them', () => {
  assert.is(
    typed(command('db:status', {}, 'jwt access', 'other'), { door: 'npm', env: 'staging' }),
    "npm run db:status -- 'jwt access' other --env staging",
  );
});

test('flags that are not set are left out, repeated ones repeated', () => {
  const flags = { accept: ['A', 'B'], data: undefined, running: false };
  assert.is(typed(command('db:deploy', flags)), 'npm run db:deploy -- --accept A --accept B');
});

test('values reach a shell as they are, whatever is in them', () => {
  for (const value of ['a b', "it's", '$HOME `id` "x"', 'ä€', '\x1b[2J', 'a\nb\\c', '\u202e', "\t'", '-5', '0x…', '']) {
    const printed = execFileSync('bash', ['-c', `printf %s ${shellWord(value)}`], { encoding: 'utf8' });
    assert.is(printed, value);
    assert.not.match(shellWord(value), /[\p{Cc}\p{Cf}]/u);
  }
  assert.match(typed(command('escrow:inspect', { job: '-5' })), '--job=-5', 'not taken for a flag');
});

test('a sentence keeps its words around its commands', () => {
  const sentence = hint`Free ${2} of them (${command('backup:prune', { plan: true })}), or: ${hint`see ${'this'}`}`;
  assert.is(typed(sentence), 'Free 2 of them (npm run backup:prune -- --plan), or: see this');
  assert.is(typed('plain'), 'plain');
  assert.equal(JSON.parse(JSON.stringify(sentence)), sentence, 'it may lie in a journal');
});

test.run();
