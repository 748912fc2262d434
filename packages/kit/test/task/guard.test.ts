// Uses no service.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpsError } from '../../src/errors.ts';
import { type GuardInput, refuseUnconfirmed } from '../../src/task/guard.ts';

const test = suite('guard');

const environments = {
  development: { guard: 'none' },
  staging: { guard: 'none' },
  production: { guard: 'confirm' },
} as GuardInput['config']['environments'];

function refusal(common: Partial<GuardInput['common']>, overrides: Partial<GuardInput> = {}): OpsError | undefined {
  try {
    refuseUnconfirmed({
      task: 'db:deploy',
      config: { environments },
      environments: ['production'],
      common: { yes: false, confirm: undefined, reason: undefined, ...common },
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

test('the name of another environment does not confirm production', () => {
  assert.is(refusal({ yes: true, confirm: 'staging', reason: 'r' })?.code, 'CONFIRMATION_MISMATCH');
});

test('production wants a reason', () => {
  assert.is(refusal({ yes: true, confirm: 'production' })?.code, 'REASON_MISSING');
  assert.is(refusal({ yes: true, confirm: 'production', reason: 'hotfix' }), undefined);
});

test('a run over several environments is guarded by the strictest', () => {
  assert.is(refusal({ yes: true }, { environments: ['staging', 'production'] })?.exit, 4);
});

test('an unguarded environment is asked about only when something is thrown away', () => {
  assert.is(refusal({}, { environments: ['staging'] }), undefined);
  assert.is(refusal({}, { environments: ['staging'], destructive: true })?.exit, 4);
  assert.is(refusal({ yes: true }, { environments: ['staging'], destructive: true }), undefined);
});

test.run();
