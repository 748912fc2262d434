// Uses no service.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runbookEnvironments } from '../../src/config/environments.ts';
import type { OpsError } from '../../src/errors.ts';
import { type GuardInput, refuseUnconfirmed } from '../../src/task/guard.ts';
import { hintOf } from '../../src/testing/index.ts';

const test = suite('guard');

const environments = runbookEnvironments();

function refusal(common: Partial<GuardInput['common']>, overrides: Partial<GuardInput> = {}): OpsError | undefined {
  try {
    refuseUnconfirmed({
      task: 'db:deploy',
      config: { environments },
      environments: ['production'],
      common: { yes: false, confirm: [], reason: undefined, ...common },
      interactive: false,
      destructive: false,
      ...overrides,
    });
    return undefined;
  } catch (error) {
    return error as OpsError;
  }
}

test('production without confirmation is refused with exit 4', () => {
  assert.is(refusal({})?.exit, 4);
});

test('--yes alone does not confirm production', () => {
  assert.is(refusal({ yes: true, reason: 'r' })?.exit, 4);
  assert.is(refusal({ yes: true, reason: 'r' }, { interactive: true })?.exit, 4);
});

test('what was not said is not spoken of', () => {
  assert.match(refusal({ yes: true })?.message ?? '', '--yes alone does not confirm that');
  assert.not.match(refusal({})?.message ?? '', '--yes');
});

test('the name of another environment does not confirm production', () => {
  assert.is(refusal({ yes: true, confirm: ['staging'], reason: 'r' })?.code, 'CONFIRMATION_MISMATCH');
});

test('production wants a reason', () => {
  assert.is(refusal({ yes: true, confirm: ['production'] })?.code, 'REASON_MISSING');
  assert.is(refusal({ yes: true, confirm: ['production'], reason: 'hotfix' }), undefined);
});

test('over several guarded environments each is named, in any order, one by one or in a list; none stands for another', () => {
  const both = Object.fromEntries(
    Object.entries(environments).map(([env, settings]) => [env, { ...settings, guard: 'confirm' as const }]),
  );
  const over = (confirm: string[], names = ['staging', 'production']) =>
    refusal({ yes: true, confirm, reason: 'r' }, { config: { environments: both }, environments: names });
  for (const confirm of [
    ['staging', 'production'],
    ['production', 'staging'],
    ['staging,production'],
    ['production, staging'],
  ])
    assert.is(over(confirm), undefined, confirm.join(' '));
  for (const [confirm, names] of [
    [[]],
    [['staging']],
    [['production']],
    [['staging', 'staging']],
    [['staging,production'], ['staging', 'production', 'development']],
  ] as [string[], string[]?][]) {
    const error = over(confirm, names);
    assert.equal([error?.code, error?.exit], ['UNCONFIRMED', 4], confirm.join(' '));
    for (const env of names ?? ['staging', 'production']) assert.match(hintOf(error), `--confirm ${env}`);
  }
  assert.is(over(['production', 'development'])?.code, 'CONFIRMATION_MISMATCH');
});

test('of several environments the unguarded ones need not be named, and may be', () => {
  const over = (confirm: string[]) =>
    refusal({ yes: true, confirm, reason: 'r' }, { environments: ['staging', 'production'] });
  assert.is(over(['production']), undefined);
  assert.is(over(['staging,production']), undefined);
  assert.is(over(['staging'])?.code, 'UNCONFIRMED');
});

test('an unguarded environment is asked about only when something is thrown away', () => {
  assert.is(refusal({}, { environments: ['staging'] }), undefined);
  assert.is(refusal({}, { environments: ['staging'], destructive: true })?.exit, 4);
  assert.is(refusal({ yes: true }, { environments: ['staging'], destructive: true }), undefined);
});

test.run();
