// Uses no service.
import { OpsError } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isUnknown, unknown } from '../src/unknown.ts';

const test = suite('what nobody can tell');
const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const refused = new OpsError({ code: 'TOKEN_REFUSED', message: 'The new one is refused (401).' });

test('a service that is away is neither a yes nor a no, however deep that stands in the error', () => {
  assert.ok(isUnknown(unknown('Whether it works', away)));
  assert.ok(isUnknown(away));
  assert.ok(isUnknown(new OpsError({ code: 'PROXY_UNREACHABLE', message: 'HAProxy does not answer.' })));
  assert.ok(isUnknown(new OpsError({ code: 'DRILL_FAILED', message: 'It failed.', cause: away })));
});

test('a refusal is a no, and an error of our own is no outage', () => {
  assert.not.ok(isUnknown(refused));
  assert.not.ok(isUnknown(new Error('undefined is not a function')));
  assert.not.ok(isUnknown(undefined));
});

test('why it cannot be told ends with one full stop', () => {
  assert.is(
    unknown('Whether it works', new Error('It is away.')).message,
    'Whether it works cannot be told: It is away.',
  );
});

test.run();
