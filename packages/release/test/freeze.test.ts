// Uses no service.
import { loadConfig } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { releaseConfig } from '../src/config.ts';
import { freezeQuestion, frozenBy } from '../src/preflight/freeze.ts';

const test = suite('freeze windows');

async function frozen(freeze: object[], at: string, env = 'production'): Promise<string | undefined> {
  const root = makeStrangeProduct({ release: { artifact: { include: ['x'] }, app: { command: ['node'] }, freeze } });
  const config = await loadConfig(undefined, root);
  return frozenBy(config, releaseConfig(config).freeze, env, new Date(at))?.reason;
}

test('a window is from its first moment to before its last, on the clock that it names', async () => {
  const holidays = { from: '2026-12-20', to: '2027-01-03T12:00', timeZone: 'Europe/Berlin', reason: 'holidays' };
  for (const [at, reason] of [
    ['2026-12-19T22:59:00Z', undefined],
    ['2026-12-19T23:00:00Z', 'holidays'],
    ['2027-01-03T10:59:00Z', 'holidays'],
    ['2027-01-03T11:00:00Z', undefined],
  ] as const)
    assert.is(await frozen([holidays], at), reason, at);
});

test('weekdays and hours come again; without environments it is where customers are served', async () => {
  const evenings = { days: ['fri'], hours: '16:00-24:00', timeZone: 'America/New_York', reason: 'weekend' };
  assert.is(await frozen([evenings], '2026-11-27T20:59:00Z'), undefined);
  assert.is(await frozen([evenings], '2026-11-27T21:00:00Z'), 'weekend');
  assert.is(await frozen([evenings], '2026-11-28T05:00:00Z'), undefined);
  assert.is(await frozen([evenings], '2026-11-27T21:00:00Z', 'staging'), undefined);
  const both = { ...evenings, environments: ['staging'] };
  assert.is(await frozen([both], '2026-11-27T21:00:00Z', 'staging'), 'weekend');
});

test('a release is refused by it (exit 4), unless it says why it cannot wait', async () => {
  const always = { from: '2000-01-01', reason: 'the audit' };
  const root = makeStrangeProduct({
    release: { artifact: { include: ['x'] }, app: { command: ['node'] }, freeze: [always] },
  });
  const config = await loadConfig(undefined, root);
  const ask = (despite: string | undefined) =>
    freezeQuestion(config, releaseConfig(config).freeze, { env: 'production', despite }).ask(
      new AbortController().signal,
    );
  const error = await ask(undefined).then(
    () => undefined,
    (thrown) => thrown,
  );
  assert.equal([error?.code, error?.exit], ['FROZEN', 4]);
  assert.match(error?.message, 'the audit');
  assert.is(await ask('users cannot log in'), 'the audit; released all the same: users cannot log in');
});

test('a window that says no time, or a clock that there is not, is a usage error', async () => {
  for (const bad of [
    { reason: 'x' },
    { days: ['fri'], timeZone: 'Mars/Base', reason: 'x' },
    { from: 'Friday', reason: 'x' },
  ])
    assert.is(await frozen([bad], '2026-11-27T21:00:00Z').catch(({ code }) => code), 'CONFIG_INVALID');
});

test.run();
